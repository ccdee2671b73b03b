using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;
using Six = Detox.Gpu.Kernels.Winograd.Six;

namespace Detox.Gpu.Kernels;

internal readonly partial record struct WinogradForward
{
    private static readonly Scratch<float> _kernels = new();
    private static readonly Scratch<float> _products = new();

    // The gradients of input and weights may be under way together, each with data of its own.
    private static readonly Scratch<float> _turnedData = new();

    public void Run(IlgpuDevice device)
    {
        Kernels kernels = new(device, this);
        device.Launch(kernels.Transforms.Groups, kernels.Transforms);
        kernels.Multiply(device);
        device.Each(kernels.Values, kernels.Finish);
    }

    /// <summary>What is launched, and the memory in which one kernel leaves the next one what it needs.</summary>
    internal readonly struct Kernels
    {
        private readonly int _tiles, _outputs;
        private readonly bool _inFours;
        private readonly Product _product;

        public Kernels(IlgpuDevice device, in WinogradForward op)
        {
            ConvolutionShape shape = op.Shape;
            _tiles = op.Samples * Winograd.Tiles(shape);
            _outputs = shape.Outputs;
            _inFours = shape.Channels % 4 == 0 && shape.Outputs % 4 == 0;
            int pairs = shape.Channels * shape.Outputs;
            long inputs = (long)_tiles * shape.Channels;
            Values = (long)_tiles * shape.Outputs;
            ArrayView<float> data = device.Room(op.IsTurned ? _turnedData : Winograd.Data, Winograd.Places * inputs);
            ArrayView<float> kernels = device.Room(_kernels, (long)Winograd.Places * pairs), products = device.Room(_products, Winograd.Places * Values);
            Transforms = new(
                new(pairs, inputs),
                new(shape.Channels, shape.Outputs, op.IsTurned ? 1 : 0, IlgpuDevice.Floats(op.Weights), kernels),
                new(shape, IlgpuDevice.Floats(op.Input), data));
            _product = new(_tiles, shape.Channels, shape.Outputs, data, kernels, products);
            Finish = new(shape, products, IlgpuDevice.Floats(op.Bias ?? op.Weights), op.Bias is null ? 0 : 1, IlgpuDevice.Floats(op.Output));
        }

        public Transforms Transforms { get; }

        public OutputThread Finish { get; }

        /// <summary>Threads of the last kernel.</summary>
        public long Values { get; }

        public void Multiply(IlgpuDevice device) => TiledProduct.Launch(device, _tiles, _outputs, Winograd.Places, _inFours, _product);
    }

    // One thread a channel and output, and one a tile and channel.
    internal readonly struct Transforms(TwoRanges ranges, KernelTransform kernels, Winograd.DataTransform data) : IKernel
    {
        public static int Threads => TwoRanges.Threads;

        public long Groups => ranges.Groups;

        public void Run() => Run(Grid.IdxX);

        public void Run(long group)
        {
            long at = ranges.Index(group);
            if (ranges.IsFirst(group))
            {
                if (at < ranges.First) kernels.Run(at);
            }
            else
            {
                if (at < ranges.Second) data.Run(at);
            }
        }
    }

    // Nine weights of a channel and output go to their places, [place][channel][output].
    internal readonly struct KernelTransform(int channels, int outputs, int turned, ArrayView<float> weights, ArrayView<float> places)
    {
        public void Run(long at)
        {
            int pairs = channels * outputs, first = (int)at, tap = pairs;
            if (turned != 0)
            {
                first = (8 * pairs) + (first % outputs * channels) + (first / outputs);
                tap = -pairs;
            }

            Six c0 = Line(weights[first], weights[first + (3 * tap)], weights[first + (6 * tap)]);
            Six c1 = Line(weights[first + tap], weights[first + (4 * tap)], weights[first + (7 * tap)]);
            Six c2 = Line(weights[first + (2 * tap)], weights[first + (5 * tap)], weights[first + (8 * tap)]);
            Line(c0.A, c1.A, c2.A).Store(places, at, pairs);
            Line(c0.B, c1.B, c2.B).Store(places, at + (6L * pairs), pairs);
            Line(c0.C, c1.C, c2.C).Store(places, at + (12L * pairs), pairs);
            Line(c0.D, c1.D, c2.D).Store(places, at + (18L * pairs), pairs);
            Line(c0.E, c1.E, c2.E).Store(places, at + (24L * pairs), pairs);
            Line(c0.F, c1.F, c2.F).Store(places, at + (30L * pairs), pairs);
        }

        private static Six Line(float g0, float g1, float g2)
        {
            float p = Portable.Add(g0, g2), q = Portable.Fma(0.25f, g0, g2);
            return new(
                Portable.Multiply(0.25f, g0),
                Portable.Multiply(-Winograd.Sixth, Portable.Add(p, g1)),
                Portable.Multiply(-Winograd.Sixth, Portable.Subtract(p, g1)),
                Portable.Multiply(Winograd.Sixth, Portable.Fma(0.5f, g1, q)),
                Portable.Multiply(Winograd.Sixth, Portable.Fma(-0.5f, g1, q)),
                g2);
        }
    }

    // A batch is a place: the product of its tiles x channels and its channels x outputs.
    internal readonly struct Product(int tiles, int channels, int outputs, ArrayView<float> data, ArrayView<float> kernels, ArrayView<float> products) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
        {
            ProductTile tile = TiledProduct.Tile<TSums>(tiles, outputs);
            long place = tile.Batch;
            TiledProduct.Run<TSums, TAccess, Contiguous<TAccess>, Strided<TAccess>, Rowwise>(
                tile,
                new(data.SubView(place * tiles * channels), channels),
                new(kernels.SubView(place * channels * outputs), outputs),
                new(products.SubView(place * tiles * outputs), outputs),
                channels);
        }
    }

    // One thread a tile and output: its products become pixels.
    internal readonly struct OutputThread(ConvolutionShape shape, ArrayView<float> products, ArrayView<float> bias, int hasBias, ArrayView<float> output) : IThread
    {
        public void Run(long at)
        {
            int tile = (int)(at / shape.Outputs), n = (int)(at - ((long)tile * shape.Outputs));
            int across = Winograd.TilesAcross(shape), tiles = Winograd.Tiles(shape);
            int y = tile % tiles / across * Winograd.Tile, x = tile % across * Winograd.Tile;
            ArrayView<float> image = output.SubView(((long)(tile / tiles) * shape.OutputLength) + n);
            long step = products.Length / Winograd.Places;
            Four c0 = Line(Six.Load(products, at, 6 * step)), c1 = Line(Six.Load(products, at + step, 6 * step));
            Four c2 = Line(Six.Load(products, at + (2 * step), 6 * step)), c3 = Line(Six.Load(products, at + (3 * step), 6 * step));
            Four c4 = Line(Six.Load(products, at + (4 * step), 6 * step)), c5 = Line(Six.Load(products, at + (5 * step), 6 * step));
            float add = 0;
            if (hasBias != 0) add = bias[n];
            StoreRow(Line(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)), add, image, y, x);
            StoreRow(Line(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)), add, image, y + 1, x);
            StoreRow(Line(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)), add, image, y + 2, x);
            StoreRow(Line(new(c0.D, c1.D, c2.D, c3.D, c4.D, c5.D)), add, image, y + 3, x);
        }

        private void StoreRow(Four pixels, float add, ArrayView<float> image, int y, int x)
        {
            if (y >= shape.OutputHeight) return;
            int at = ((y * shape.OutputWidth) + x) * shape.Outputs;
            StorePixel(pixels.A, add, image, at, x);
            StorePixel(pixels.B, add, image, at + shape.Outputs, x + 1);
            StorePixel(pixels.C, add, image, at + (2 * shape.Outputs), x + 2);
            StorePixel(pixels.D, add, image, at + (3 * shape.Outputs), x + 3);
        }

        private void StorePixel(float pixel, float add, ArrayView<float> image, int at, int x)
        {
            if (x >= shape.OutputWidth) return;
            if (hasBias != 0) pixel = Portable.Add(pixel, add);
            image[at] = pixel;
        }

        private static Four Line(Six m)
        {
            float s = Portable.Add(m.B, m.C), t = Portable.Subtract(m.B, m.C), u = Portable.Add(m.D, m.E), v = Portable.Subtract(m.D, m.E);
            return new(Portable.Add(Portable.Add(m.A, s), u), Portable.Fma(2, v, t), Portable.Fma(4, u, s), Portable.Add(Portable.Fma(8, v, t), m.F));
        }
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;
using Six = Detox.Gpu.Kernels.Winograd.Six;
using Three = Detox.Gpu.Kernels.Winograd.Three;

namespace Detox.Gpu.Kernels;

internal readonly partial record struct WinogradBackwardWeights
{
    public void Run(IlgpuDevice device)
    {
        Kernels kernels = new(device, this);
        device.Launch(kernels.Transforms.Groups, kernels.Transforms);
        kernels.Multiply(device);
        device.Each(kernels.Pairs, kernels.Finish);
    }

    /// <summary>What is launched, and the memory in which one kernel leaves the next one what it needs.</summary>
    internal readonly struct Kernels
    {
        private readonly ConvolutionShape _shape;
        private readonly long _batches;
        private readonly ChunkProduct _product;

        public Kernels(IlgpuDevice device, in WinogradBackwardWeights op)
        {
            _shape = op.Shape;
            int tiles = op.Samples * Winograd.Tiles(_shape), pairs = _shape.Channels * _shape.Outputs, chunks = (tiles + Winograd.Chunk - 1) / Winograd.Chunk;
            _batches = (long)chunks * Winograd.Places;
            ArrayView<float> data = device.Room(Winograd.Data, (long)Winograd.Places * tiles * _shape.Channels);
            ArrayView<float> gradients = device.Room(_gradients, (long)Winograd.Places * tiles * _shape.Outputs), sums = device.Room(ChunkSums.Memory, _batches * pairs);
            Transforms = new(
                new((long)tiles * _shape.Outputs, (long)tiles * _shape.Channels),
                new(_shape, IlgpuDevice.Floats(op.OutputGradient), gradients),
                new(_shape, IlgpuDevice.Floats(op.Input), data));
            _product = new(tiles, _shape.Channels, _shape.Outputs, data, gradients, sums);
            Finish = new(pairs, chunks, sums, IlgpuDevice.Floats(op.WeightsGradient));
            Pairs = pairs;
        }

        public Transforms Transforms { get; }

        public KernelGradientThread Finish { get; }

        /// <summary>Threads of the last kernel.</summary>
        public long Pairs { get; }

        public void Multiply(IlgpuDevice device) => TiledProduct.Launch(device, _shape.Channels, _shape.Outputs, _batches, inFours: _shape.Channels % 4 == 0 && _shape.Outputs % 4 == 0, _product);
    }

    // One thread a tile and output, and one a tile and channel.
    internal readonly struct Transforms(TwoRanges ranges, GradientTransform gradient, Winograd.DataTransform data) : IKernel
    {
        public static int Threads => TwoRanges.Threads;

        public long Groups => ranges.Groups;

        public void Run() => Run(Grid.IdxX);

        public void Run(long group)
        {
            long at = ranges.Index(group);
            if (ranges.IsFirst(group))
            {
                if (at < ranges.First) gradient.Run(at);
            }
            else
            {
                if (at < ranges.Second) data.Run(at);
            }
        }
    }

    // The output gradient of a tile and output goes to its places, [place][tile][output].
    internal readonly struct GradientTransform(ConvolutionShape shape, ArrayView<float> outputGradient, ArrayView<float> places)
    {
        public void Run(long at)
        {
            int tile = (int)(at / shape.Outputs), n = (int)(at - ((long)tile * shape.Outputs));
            int across = Winograd.TilesAcross(shape), tiles = Winograd.Tiles(shape);
            int y = tile % tiles / across * Winograd.Tile, x = tile % across * Winograd.Tile;
            ArrayView<float> image = outputGradient.SubView(((long)(tile / tiles) * shape.OutputLength) + n);
            Six c0 = Column(image, y, x), c1 = Column(image, y, x + 1), c2 = Column(image, y, x + 2), c3 = Column(image, y, x + 3);
            long step = places.Length / Winograd.Places;
            Line(new(c0.A, c1.A, c2.A, c3.A)).Store(places, at, step);
            Line(new(c0.B, c1.B, c2.B, c3.B)).Store(places, at + (6 * step), step);
            Line(new(c0.C, c1.C, c2.C, c3.C)).Store(places, at + (12 * step), step);
            Line(new(c0.D, c1.D, c2.D, c3.D)).Store(places, at + (18 * step), step);
            Line(new(c0.E, c1.E, c2.E, c3.E)).Store(places, at + (24 * step), step);
            Line(new(c0.F, c1.F, c2.F, c3.F)).Store(places, at + (30 * step), step);
        }

        private Six Column(ArrayView<float> image, int y, int x)
            => Line(new(Pixel(image, y, x), Pixel(image, y + 1, x), Pixel(image, y + 2, x), Pixel(image, y + 3, x)));

        private float Pixel(ArrayView<float> image, int y, int x)
        {
            float pixel = 0;
            if (y < shape.OutputHeight & x < shape.OutputWidth) pixel = image[((y * shape.OutputWidth) + x) * shape.Outputs];
            return pixel;
        }

        private static Six Line(Four e)
        {
            float p = Portable.Add(e.A, e.C), q = Portable.Add(e.B, e.D);
            float r = Portable.Fma(0.25f, e.A, e.C), s = Portable.Fma(0.25f, e.B, e.D);
            return new(
                Portable.Multiply(0.25f, e.A),
                Portable.Multiply(-Winograd.Sixth, Portable.Add(p, q)),
                Portable.Multiply(-Winograd.Sixth, Portable.Subtract(p, q)),
                Portable.Multiply(Winograd.Sixth, Portable.Fma(2, s, r)),
                Portable.Multiply(Winograd.Sixth, Portable.Fma(-2, s, r)),
                e.D);
        }
    }

    // A batch is a chunk of tiles in a place: the product of its turned data and its gradients. sums holds the chunks one
    // after another, each [place][channel][output].
    internal readonly struct ChunkProduct(int tiles, int channels, int outputs, ArrayView<float> data, ArrayView<float> gradients, ArrayView<float> sums) : IProduct
    {
        public void Run<TSums, TAccess>()
            where TSums : struct, ISums
            where TAccess : struct, IAccess
        {
            ProductTile tile = TiledProduct.Tile<TSums>(channels, outputs);
            int place = tile.Batch % Winograd.Places, start = tile.Batch / Winograd.Places * Winograd.Chunk, terms = tiles - start;
            if (terms > Winograd.Chunk) terms = Winograd.Chunk;
            long first = ((long)place * tiles) + start;
            TiledProduct.Run<TSums, TAccess, Strided<TAccess>, Strided<TAccess>, Rowwise>(
                tile,
                new(data.SubView(first * channels), channels),
                new(gradients.SubView(first * outputs), outputs),
                new(sums.SubView((long)tile.Batch * channels * outputs), outputs),
                terms);
        }
    }

    // One thread a channel and output: its sums, the chunks' added in their order, become the gradients of nine weights.
    internal readonly struct KernelGradientThread(int pairs, int chunks, ArrayView<float> sums, ArrayView<float> weightsGradient) : IThread
    {
        public void Run(long at)
        {
            long step = 6L * pairs, from = at;
            Six s0 = Six.Load(sums, from, step), s1 = Six.Load(sums, from + pairs, step), s2 = Six.Load(sums, from + (2L * pairs), step);
            Six s3 = Six.Load(sums, from + (3L * pairs), step), s4 = Six.Load(sums, from + (4L * pairs), step), s5 = Six.Load(sums, from + (5L * pairs), step);
            for (int chunk = 1; chunk < chunks; chunk++)
            {
                from += (long)Winograd.Places * pairs;
                s0 = s0.Plus(Six.Load(sums, from, step));
                s1 = s1.Plus(Six.Load(sums, from + pairs, step));
                s2 = s2.Plus(Six.Load(sums, from + (2L * pairs), step));
                s3 = s3.Plus(Six.Load(sums, from + (3L * pairs), step));
                s4 = s4.Plus(Six.Load(sums, from + (4L * pairs), step));
                s5 = s5.Plus(Six.Load(sums, from + (5L * pairs), step));
            }

            Three c0 = Line(s0), c1 = Line(s1), c2 = Line(s2), c3 = Line(s3), c4 = Line(s4), c5 = Line(s5);
            Line(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)).Store(weightsGradient, at, pairs);
            Line(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)).Store(weightsGradient, at + (3L * pairs), pairs);
            Line(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)).Store(weightsGradient, at + (6L * pairs), pairs);
        }

        private static Three Line(Six m)
        {
            float s = Portable.Add(m.B, m.C), t = Portable.Subtract(m.B, m.C), u = Portable.Add(m.D, m.E), v = Portable.Subtract(m.D, m.E);
            return new(Portable.Add(Portable.Add(m.A, s), u), Portable.Fma(2, v, t), Portable.Add(Portable.Fma(4, u, s), m.F));
        }
    }
}

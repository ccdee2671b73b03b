using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;
using Four = Detox.Gpu.Kernels.Winograd.Four;
using Six = Detox.Gpu.Kernels.Winograd.Six;
using Three = Detox.Gpu.Kernels.Winograd.Three;

namespace Detox.Gpu.Kernels;

internal readonly partial record struct WinogradBackwardWeights
{
    public void Run(IlgpuDevice device)
    {
        int tiles = Samples * Winograd.Tiles(Shape), pairs = Shape.Channels * Shape.Outputs, chunks = (tiles + Winograd.Chunk - 1) / Winograd.Chunk;
        ArrayView<float> data = Winograd.DataPlaces(device, Shape, tiles, IlgpuDevice.Floats(Input));
        ArrayView<float> gradients = device.Room(_gradients, (long)Winograd.Places * tiles * Shape.Outputs);
        ArrayView<float> sums = device.Room(ChunkSums.Memory, (long)chunks * Winograd.Places * pairs), total = device.Room(_sums, (long)Winograd.Places * pairs);
        device.Each((long)tiles * Shape.Outputs, new GradientThread(Shape, IlgpuDevice.Floats(OutputGradient), gradients));
        TiledProduct.Launch(
            device, Shape.Channels, Shape.Outputs, (long)chunks * Winograd.Places, new ChunkProduct(tiles, Shape.Channels, Shape.Outputs, data, gradients, sums));
        ChunkSums.Add(device, chunks, sums, total);
        device.Each(pairs, new KernelGradientThread(pairs, total, IlgpuDevice.Floats(WeightsGradient)));
    }

    // One thread a tile and output: its output gradient goes to its places, [place][tile][output].
    internal readonly struct GradientThread(ConvolutionShape shape, ArrayView<float> outputGradient, ArrayView<float> places) : IThread
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
        public void Run<TSums>()
            where TSums : struct, ISums<TSums>
        {
            ProductTile tile = TiledProduct.Tile<TSums>(channels, outputs);
            int place = tile.Batch % Winograd.Places, start = tile.Batch / Winograd.Places * Winograd.Chunk, terms = tiles - start;
            if (terms > Winograd.Chunk) terms = Winograd.Chunk;
            long first = ((long)place * tiles) + start;
            TiledProduct.Run<TSums, TiledProduct.Strided, TiledProduct.Strided, TiledProduct.Rowwise>(
                tile,
                new TiledProduct.Strided(data.SubView(first * channels), channels),
                new TiledProduct.Strided(gradients.SubView(first * outputs), outputs),
                new TiledProduct.Rowwise(sums.SubView((long)tile.Batch * channels * outputs), outputs),
                terms);
        }
    }

    // One thread a channel and output: its sums become the gradients of nine weights.
    internal readonly struct KernelGradientThread(int pairs, ArrayView<float> sums, ArrayView<float> weightsGradient) : IThread
    {
        public void Run(long at)
        {
            long step = 6L * pairs;
            Three c0 = Line(Six.Load(sums, at, step)), c1 = Line(Six.Load(sums, at + pairs, step)), c2 = Line(Six.Load(sums, at + (2L * pairs), step));
            Three c3 = Line(Six.Load(sums, at + (3L * pairs), step)), c4 = Line(Six.Load(sums, at + (4L * pairs), step)), c5 = Line(Six.Load(sums, at + (5L * pairs), step));
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

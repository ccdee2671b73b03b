using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class Winograd
{
    /// <summary>One thread a tile and channel: its 36 pixels go to their places, [place][tile][channel].</summary>
    internal static void DataKernel(Index1D at, ConvolutionShape shape, ArrayView<float> input, ArrayView<float> places)
    {
        int channel = at % shape.Channels, tile = at / shape.Channels;
        int across = TilesAcross(shape), tiles = Tiles(shape);
        int top = (tile % tiles / across * Tile) - shape.Padding, left = (tile % across * Tile) - shape.Padding;
        int image = (tile / tiles * shape.InputLength) + channel;
        Six c0 = DataColumn(shape, input, image, top, left), c1 = DataColumn(shape, input, image, top, left + 1), c2 = DataColumn(shape, input, image, top, left + 2);
        Six c3 = DataColumn(shape, input, image, top, left + 3), c4 = DataColumn(shape, input, image, top, left + 4), c5 = DataColumn(shape, input, image, top, left + 5);
        int step = (int)(places.Length / Places);
        DataRow(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)).Store(places, at, step);
        DataRow(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)).Store(places, at + (6L * step), step);
        DataRow(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)).Store(places, at + (12L * step), step);
        DataRow(new(c0.D, c1.D, c2.D, c3.D, c4.D, c5.D)).Store(places, at + (18L * step), step);
        DataRow(new(c0.E, c1.E, c2.E, c3.E, c4.E, c5.E)).Store(places, at + (24L * step), step);
        DataRow(new(c0.F, c1.F, c2.F, c3.F, c4.F, c5.F)).Store(places, at + (30L * step), step);
    }

    /// <summary>One thread a channel and output: its nine weights go to their places, [place][channel][output].</summary>
    /// <param name="turned">1: the shape is <see cref="Turned"/>, and the weights are those of the convolution that was turned.</param>
    internal static void KernelsKernel(Index1D at, ConvolutionShape shape, int turned, ArrayView<float> weights, ArrayView<float> places)
    {
        int channel = at / shape.Outputs, output = at % shape.Outputs, pairs = shape.Channels * shape.Outputs;
        int first = at, tap = pairs;
        if (turned != 0)
        {
            first = (8 * pairs) + (output * shape.Channels) + channel;
            tap = -pairs;
        }

        Six c0 = KernelLine(weights[first], weights[first + (3 * tap)], weights[first + (6 * tap)]);
        Six c1 = KernelLine(weights[first + tap], weights[first + (4 * tap)], weights[first + (7 * tap)]);
        Six c2 = KernelLine(weights[first + (2 * tap)], weights[first + (5 * tap)], weights[first + (8 * tap)]);
        KernelLine(c0.A, c1.A, c2.A).Store(places, at, pairs);
        KernelLine(c0.B, c1.B, c2.B).Store(places, at + (6L * pairs), pairs);
        KernelLine(c0.C, c1.C, c2.C).Store(places, at + (12L * pairs), pairs);
        KernelLine(c0.D, c1.D, c2.D).Store(places, at + (18L * pairs), pairs);
        KernelLine(c0.E, c1.E, c2.E).Store(places, at + (24L * pairs), pairs);
        KernelLine(c0.F, c1.F, c2.F).Store(places, at + (30L * pairs), pairs);
    }

    /// <summary>A batch is a place: the product of its tiles x channels and its channels x outputs.</summary>
    internal static void ProductKernel(int tiles, int channels, int outputs, ArrayView<float> data, ArrayView<float> kernels, ArrayView<float> products)
    {
        int place = Grid.IdxZ;
        TiledProduct.Run(
            new TiledProduct.Contiguous(data, place * tiles * channels, channels),
            new TiledProduct.Strided(kernels, place * channels * outputs, outputs),
            new TiledProduct.Rowwise(products, place * tiles * outputs, outputs),
            tiles,
            outputs,
            channels);
    }

    /// <summary>One thread a tile and output: its products become pixels.</summary>
    internal static void OutputKernel(Index1D at, ConvolutionShape shape, ArrayView<float> products, ArrayView<float> bias, int hasBias, ArrayView<float> output)
    {
        int n = at % shape.Outputs, tile = at / shape.Outputs, step = (int)(products.Length / Places);
        int across = TilesAcross(shape), tiles = Tiles(shape);
        int y = tile % tiles / across * Tile, x = tile % across * Tile, first = tile / tiles * shape.OutputLength;
        Four c0 = OutputLine(Six.Load(products, at, 6 * step)), c1 = OutputLine(Six.Load(products, at + step, 6 * step));
        Four c2 = OutputLine(Six.Load(products, at + (2L * step), 6 * step)), c3 = OutputLine(Six.Load(products, at + (3L * step), 6 * step));
        Four c4 = OutputLine(Six.Load(products, at + (4L * step), 6 * step)), c5 = OutputLine(Six.Load(products, at + (5L * step), 6 * step));
        float add = 0;
        if (hasBias != 0) add = bias[n];
        StorePixels(shape, OutputLine(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)), add, hasBias, output, first, y, x, n);
        StorePixels(shape, OutputLine(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)), add, hasBias, output, first, y + 1, x, n);
        StorePixels(shape, OutputLine(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)), add, hasBias, output, first, y + 2, x, n);
        StorePixels(shape, OutputLine(new(c0.D, c1.D, c2.D, c3.D, c4.D, c5.D)), add, hasBias, output, first, y + 3, x, n);
    }

    /// <summary>One thread a tile and output: its output gradient goes to its places, [place][tile][output].</summary>
    internal static void GradientKernel(Index1D at, ConvolutionShape shape, ArrayView<float> outputGradient, ArrayView<float> places)
    {
        int n = at % shape.Outputs, tile = at / shape.Outputs, step = (int)(places.Length / Places);
        int across = TilesAcross(shape), tiles = Tiles(shape);
        int y = tile % tiles / across * Tile, x = tile % across * Tile, first = (tile / tiles * shape.OutputLength) + n;
        Six c0 = GradientColumn(shape, outputGradient, first, y, x), c1 = GradientColumn(shape, outputGradient, first, y, x + 1);
        Six c2 = GradientColumn(shape, outputGradient, first, y, x + 2), c3 = GradientColumn(shape, outputGradient, first, y, x + 3);
        GradientLine(new(c0.A, c1.A, c2.A, c3.A)).Store(places, at, step);
        GradientLine(new(c0.B, c1.B, c2.B, c3.B)).Store(places, at + (6L * step), step);
        GradientLine(new(c0.C, c1.C, c2.C, c3.C)).Store(places, at + (12L * step), step);
        GradientLine(new(c0.D, c1.D, c2.D, c3.D)).Store(places, at + (18L * step), step);
        GradientLine(new(c0.E, c1.E, c2.E, c3.E)).Store(places, at + (24L * step), step);
        GradientLine(new(c0.F, c1.F, c2.F, c3.F)).Store(places, at + (30L * step), step);
    }

    /// <summary>A batch is a chunk of tiles in a place: the product of its turned data and its gradients. sums holds the chunks one
    /// after another, each [place][channel][output].</summary>
    internal static void ChunkKernel(int tiles, int channels, int outputs, ArrayView<float> data, ArrayView<float> gradients, ArrayView<float> sums)
    {
        int place = Grid.IdxZ % Places, chunk = Grid.IdxZ / Places, start = chunk * Chunk, terms = tiles - start;
        if (terms > Chunk) terms = Chunk;
        TiledProduct.Run(
            new TiledProduct.Strided(data, ((place * tiles) + start) * channels, channels),
            new TiledProduct.Strided(gradients, ((place * tiles) + start) * outputs, outputs),
            new TiledProduct.Rowwise(sums, Grid.IdxZ * channels * outputs, outputs),
            channels,
            outputs,
            terms);
    }

    /// <summary>One thread a channel and output: its sums become the gradients of nine weights.</summary>
    internal static void KernelGradientKernel(Index1D at, int pairs, ArrayView<float> sums, ArrayView<float> weightsGradient)
    {
        Three c0 = KernelGradientLine(Six.Load(sums, at, 6 * pairs)), c1 = KernelGradientLine(Six.Load(sums, at + pairs, 6 * pairs));
        Three c2 = KernelGradientLine(Six.Load(sums, at + (2L * pairs), 6 * pairs)), c3 = KernelGradientLine(Six.Load(sums, at + (3L * pairs), 6 * pairs));
        Three c4 = KernelGradientLine(Six.Load(sums, at + (4L * pairs), 6 * pairs)), c5 = KernelGradientLine(Six.Load(sums, at + (5L * pairs), 6 * pairs));
        KernelGradientLine(new(c0.A, c1.A, c2.A, c3.A, c4.A, c5.A)).Store(weightsGradient, at, pairs);
        KernelGradientLine(new(c0.B, c1.B, c2.B, c3.B, c4.B, c5.B)).Store(weightsGradient, at + (3L * pairs), pairs);
        KernelGradientLine(new(c0.C, c1.C, c2.C, c3.C, c4.C, c5.C)).Store(weightsGradient, at + (6L * pairs), pairs);
    }

    private static Six DataColumn(ConvolutionShape shape, ArrayView<float> input, int image, int top, int x)
    {
        bool inside = x >= 0 & x < shape.Width;
        return DataRow(new(
            Pixel(shape, input, image, top, x, inside), Pixel(shape, input, image, top + 1, x, inside), Pixel(shape, input, image, top + 2, x, inside),
            Pixel(shape, input, image, top + 3, x, inside), Pixel(shape, input, image, top + 4, x, inside), Pixel(shape, input, image, top + 5, x, inside)));
    }

    private static float Pixel(ConvolutionShape shape, ArrayView<float> input, int image, int y, int x, bool inside)
    {
        float pixel = 0;
        if (inside & y >= 0 & y < shape.Height) pixel = input[image + (((y * shape.Width) + x) * shape.Channels)];
        return pixel;
    }

    private static Six GradientColumn(ConvolutionShape shape, ArrayView<float> outputGradient, int first, int y, int x)
        => GradientLine(new(
            OutputPixel(shape, outputGradient, first, y, x), OutputPixel(shape, outputGradient, first, y + 1, x),
            OutputPixel(shape, outputGradient, first, y + 2, x), OutputPixel(shape, outputGradient, first, y + 3, x)));

    private static float OutputPixel(ConvolutionShape shape, ArrayView<float> outputGradient, int first, int y, int x)
    {
        float pixel = 0;
        if (y < shape.OutputHeight & x < shape.OutputWidth) pixel = outputGradient[first + (((y * shape.OutputWidth) + x) * shape.Outputs)];
        return pixel;
    }

    private static void StorePixels(ConvolutionShape shape, Four pixels, float bias, int hasBias, ArrayView<float> output, int first, int y, int x, int n)
    {
        if (y >= shape.OutputHeight) return;
        int at = first + (((y * shape.OutputWidth) + x) * shape.Outputs) + n;
        StorePixel(pixels.A, bias, hasBias, output, at, x < shape.OutputWidth);
        StorePixel(pixels.B, bias, hasBias, output, at + shape.Outputs, x + 1 < shape.OutputWidth);
        StorePixel(pixels.C, bias, hasBias, output, at + (2 * shape.Outputs), x + 2 < shape.OutputWidth);
        StorePixel(pixels.D, bias, hasBias, output, at + (3 * shape.Outputs), x + 3 < shape.OutputWidth);
    }

    private static void StorePixel(float pixel, float bias, int hasBias, ArrayView<float> output, int at, bool inside)
    {
        if (!inside) return;
        if (hasBias != 0) pixel = Portable.Add(pixel, bias);
        output[at] = pixel;
    }

    // The lines, operation by operation as in the reference.
    private static Six DataRow(Six d)
    {
        float a = Portable.Fma(-4, d.C, d.E), b = Portable.Fma(-4, d.B, d.D);
        float e = Portable.Subtract(d.E, d.C), f = Portable.Subtract(d.D, d.B);
        return new(
            Portable.Fma(4, d.A, Portable.Fma(-5, d.C, d.E)),
            Portable.Add(a, b),
            Portable.Subtract(a, b),
            Portable.Fma(2, f, e),
            Portable.Fma(-2, f, e),
            Portable.Fma(4, d.B, Portable.Fma(-5, d.D, d.F)));
    }

    private static Six KernelLine(float g0, float g1, float g2)
    {
        float p = Portable.Add(g0, g2), q = Portable.Fma(0.25f, g0, g2);
        return new(
            Portable.Multiply(0.25f, g0),
            Portable.Multiply(-Sixth, Portable.Add(p, g1)),
            Portable.Multiply(-Sixth, Portable.Subtract(p, g1)),
            Portable.Multiply(Sixth, Portable.Fma(0.5f, g1, q)),
            Portable.Multiply(Sixth, Portable.Fma(-0.5f, g1, q)),
            g2);
    }

    private static Four OutputLine(Six m)
    {
        float s = Portable.Add(m.B, m.C), t = Portable.Subtract(m.B, m.C), u = Portable.Add(m.D, m.E), v = Portable.Subtract(m.D, m.E);
        return new(Portable.Add(Portable.Add(m.A, s), u), Portable.Fma(2, v, t), Portable.Fma(4, u, s), Portable.Add(Portable.Fma(8, v, t), m.F));
    }

    private static Six GradientLine(Four e)
    {
        float p = Portable.Add(e.A, e.C), q = Portable.Add(e.B, e.D);
        float r = Portable.Fma(0.25f, e.A, e.C), s = Portable.Fma(0.25f, e.B, e.D);
        return new(
            Portable.Multiply(0.25f, e.A),
            Portable.Multiply(-Sixth, Portable.Add(p, q)),
            Portable.Multiply(-Sixth, Portable.Subtract(p, q)),
            Portable.Multiply(Sixth, Portable.Fma(2, s, r)),
            Portable.Multiply(Sixth, Portable.Fma(-2, s, r)),
            e.D);
    }

    private static Three KernelGradientLine(Six m)
    {
        float s = Portable.Add(m.B, m.C), t = Portable.Subtract(m.B, m.C), u = Portable.Add(m.D, m.E), v = Portable.Subtract(m.D, m.E);
        return new(Portable.Add(Portable.Add(m.A, s), u), Portable.Fma(2, v, t), Portable.Add(Portable.Fma(4, u, s), m.F));
    }

    private readonly struct Three(float a, float b, float c)
    {
        public float A => a;

        public float B => b;

        public float C => c;

        public void Store(ArrayView<float> to, long at, int step)
        {
            to[at] = a;
            to[at + step] = b;
            to[at + (2L * step)] = c;
        }
    }

    private readonly struct Four(float a, float b, float c, float d)
    {
        public float A => a;

        public float B => b;

        public float C => c;

        public float D => d;
    }

    private readonly struct Six(float a, float b, float c, float d, float e, float f)
    {
        public float A => a;

        public float B => b;

        public float C => c;

        public float D => d;

        public float E => e;

        public float F => f;

        public static Six Load(ArrayView<float> from, long at, int step)
            => new(from[at], from[at + step], from[at + (2L * step)], from[at + (3L * step)], from[at + (4L * step)], from[at + (5L * step)]);

        public void Store(ArrayView<float> to, long at, int step)
        {
            to[at] = a;
            to[at + step] = b;
            to[at + (2L * step)] = c;
            to[at + (3L * step)] = d;
            to[at + (4L * step)] = e;
            to[at + (5L * step)] = f;
        }
    }
}

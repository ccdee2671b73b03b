using Detox.Gpu.Devices;

namespace Detox.Gpu.Kernels;

/// <summary>Convolutions by 3 x 3 kernels at stride 1 as Winograd's minimal filtering: 36 products make 16 outputs, instead of 144.</summary>
/// <remarks>
/// <para>The output is cut in tiles of 4 x 4 pixels; a tile reads 6 x 6 pixels of the input. Transforms by sums and small constants carry
/// pixels and weights to 36 places, where they are multiplied, and the products back:
/// forward A^T [(G g G^T) * (B^T d B)] A, which is F(4 x 4, 3 x 3), summed over the channels between the brackets;
/// the gradient of the weights by F(3 x 3, 4 x 4), whose B is the same, summed over the tiles;
/// the gradient of the input is the forward of <see cref="Turned"/>, with kernels turned by 180 degrees.</para>
/// <para>A transform of a square is one of lines, of its columns first and of the rows of what results then; each line is written below
/// operation by operation, and that order is the definition. In each of the 36 places a product is the chain fma(data, weight, sum)
/// over the channels, ascending, from +0; for the gradient of the weights fma(data, gradient, sum) over the tiles, sample, tile row, tile
/// column ascending, cut in chunks of <see cref="Chunk"/> tiles, each chunk from +0, the chunks added in ascending order before the last transform.
/// What a tile reads beyond the image is +0; what it makes beyond the output is dropped. A NaN or an infinity
/// reaches all outputs of the tiles that see it. Portable.</para>
/// <para>Sources: Winograd 1980, "Arithmetic complexity of computations"; Lavin and Gray 2016, "Fast algorithms for convolutional neural
/// networks", whose matrices these are: interpolation at 0, 1, -1, 2, -2 and infinity.</para>
/// </remarks>
internal static partial class Winograd
{
    /// <summary>Output pixels along a tile's side.</summary>
    public const int Tile = 4;

    /// <summary>Input pixels along a tile's side, and places.</summary>
    public const int Reach = 6;

    public const int Places = Reach * Reach;

    /// <summary>Tiles in a chunk of the gradient of the weights.</summary>
    public const int Chunk = 128;

    public const float Sixth = 1f / 6;

    /// <summary>For the data in its places, which both passes have.</summary>
    public static readonly Scratch<float> Data = new();

    /// <summary>A line's transform: from as many floats as it reads to as many as it writes.</summary>
    public delegate void Line(ReadOnlySpan<float> from, Span<float> to);

    public static int TilesDown(in ConvolutionShape shape) => (shape.OutputHeight + Tile - 1) / Tile;

    public static int TilesAcross(in ConvolutionShape shape) => (shape.OutputWidth + Tile - 1) / Tile;

    /// <summary>Tiles of one image.</summary>
    public static int Tiles(in ConvolutionShape shape) => TilesDown(shape) * TilesAcross(shape);

    /// <summary>The convolution that carries an output gradient to the input: outputs and channels exchanged.</summary>
    public static ConvolutionShape Turned(in ConvolutionShape shape)
        => new(shape.OutputHeight, shape.OutputWidth, shape.Outputs, shape.Kernel, shape.Channels, Stride: 1, shape.Kernel - 1 - shape.Padding);

    /// <summary>The weights of <see cref="Turned"/>: by 180 degrees, [kernel row][kernel column][output][channel].</summary>
    public static float[] TurnedWeights(in ConvolutionShape shape, ReadOnlySpan<float> weights)
    {
        float[] turned = new float[shape.WeightLength];
        int window = shape.Kernel * shape.Kernel;
        for (int tap = 0; tap < window; tap++)
            for (int c = 0; c < shape.Channels; c++)
                for (int n = 0; n < shape.Outputs; n++)
                    turned[((((window - 1 - tap) * shape.Outputs) + n) * shape.Channels) + c] = weights[(((tap * shape.Channels) + c) * shape.Outputs) + n];
        return turned;
    }

    /// <summary>The input in its places: [place][tile][channel].</summary>
    public static float[] DataPlaces(in ConvolutionShape shape, int samples, ReadOnlySpan<float> input)
    {
        int tiles = samples * Tiles(shape);
        float[] places = new float[Places * tiles * shape.Channels];
        Span<float> square = stackalloc float[Places], made = stackalloc float[Places];
        for (int tile = 0; tile < tiles; tile++)
        {
            for (int c = 0; c < shape.Channels; c++)
            {
                for (int at = 0; at < Places; at++)
                {
                    int index = InputIndex(shape, tile, at, c);
                    square[at] = index < 0 ? 0 : input[index];
                }

                Square(DataLine, Reach, Reach, square, made);
                for (int place = 0; place < Places; place++) places[(((place * tiles) + tile) * shape.Channels) + c] = made[place];
            }
        }

        return places;
    }

    /// <summary>The output gradient in its places: [place][tile][output].</summary>
    public static float[] GradientPlaces(in ConvolutionShape shape, int samples, ReadOnlySpan<float> outputGradient)
    {
        int tiles = samples * Tiles(shape);
        float[] places = new float[Places * tiles * shape.Outputs];
        Span<float> square = stackalloc float[Tile * Tile], made = stackalloc float[Places];
        for (int tile = 0; tile < tiles; tile++)
        {
            for (int n = 0; n < shape.Outputs; n++)
            {
                for (int at = 0; at < square.Length; at++)
                {
                    int index = OutputIndex(shape, tile, at, n);
                    square[at] = index < 0 ? 0 : outputGradient[index];
                }

                Square(GradientLine, Tile, Reach, square, made);
                for (int place = 0; place < Places; place++) places[(((place * tiles) + tile) * shape.Outputs) + n] = made[place];
            }
        }

        return places;
    }

    /// <summary>The weights in their places: [place][channel][output].</summary>
    public static float[] KernelPlaces(in ConvolutionShape shape, ReadOnlySpan<float> weights)
    {
        int pairs = shape.Channels * shape.Outputs, window = shape.Kernel * shape.Kernel;
        float[] places = new float[Places * pairs];
        Span<float> square = stackalloc float[window], made = stackalloc float[Places];
        for (int pair = 0; pair < pairs; pair++)
        {
            for (int tap = 0; tap < window; tap++) square[tap] = weights[(tap * pairs) + pair];
            Square(KernelLine, shape.Kernel, Reach, square, made);
            for (int place = 0; place < Places; place++) places[(place * pairs) + pair] = made[place];
        }

        return places;
    }

    /// <summary>Which float of the input a place of a tile's square reads, or -1 beyond the image.</summary>
    private static int InputIndex(in ConvolutionShape shape, int tile, int at, int channel)
    {
        int tiles = Tiles(shape), across = TilesAcross(shape);
        int y = (tile % tiles / across * Tile) + (at / Reach) - shape.Padding, x = (tile % across * Tile) + (at % Reach) - shape.Padding;
        bool inside = y >= 0 && y < shape.Height && x >= 0 && x < shape.Width;
        return inside ? (((((tile / tiles * shape.Height) + y) * shape.Width) + x) * shape.Channels) + channel : -1;
    }

    /// <summary>Which float of the output a pixel of a tile is, or -1 beyond the output.</summary>
    public static int OutputIndex(in ConvolutionShape shape, int tile, int at, int output)
    {
        int tiles = Tiles(shape), across = TilesAcross(shape);
        int y = (tile % tiles / across * Tile) + (at / Tile), x = (tile % across * Tile) + (at % Tile);
        bool inside = y < shape.OutputHeight && x < shape.OutputWidth;
        return inside ? (((((tile / tiles * shape.OutputHeight) + y) * shape.OutputWidth) + x) * shape.Outputs) + output : -1;
    }

    /// <summary>A square's columns one by one, then the rows of what they became.</summary>
    public static void Square(Line line, int from, int to, ReadOnlySpan<float> square, Span<float> made)
    {
        Span<float> between = stackalloc float[Places], read = stackalloc float[Reach], written = stackalloc float[Reach];
        for (int x = 0; x < from; x++)
        {
            for (int y = 0; y < from; y++) read[y] = square[(y * from) + x];
            line(read, written);
            for (int y = 0; y < to; y++) between[(y * from) + x] = written[y];
        }

        for (int y = 0; y < to; y++) line(between.Slice(y * from, from), made.Slice(y * to, to));
    }

    /// <summary>B^T: (4 0 -5 0 1 0), (0 -4 -4 1 1 0), (0 4 -4 -1 1 0), (0 -2 -1 2 1 0), (0 2 -1 -2 1 0), (0 4 0 -5 0 1).</summary>
    private static void DataLine(ReadOnlySpan<float> d, Span<float> to)
    {
        float a = MathF.FusedMultiplyAdd(-4, d[2], d[4]), b = MathF.FusedMultiplyAdd(-4, d[1], d[3]);
        float e = d[4] - d[2], f = d[3] - d[1];
        to[0] = MathF.FusedMultiplyAdd(4, d[0], MathF.FusedMultiplyAdd(-5, d[2], d[4]));
        to[1] = a + b;
        to[2] = a - b;
        to[3] = MathF.FusedMultiplyAdd(2, f, e);
        to[4] = MathF.FusedMultiplyAdd(-2, f, e);
        to[5] = MathF.FusedMultiplyAdd(4, d[1], MathF.FusedMultiplyAdd(-5, d[3], d[5]));
    }

    /// <summary>G: (1/4 0 0), (-1/6 -1/6 -1/6), (-1/6 1/6 -1/6), (1/24 1/12 1/6), (1/24 -1/12 1/6), (0 0 1).</summary>
    private static void KernelLine(ReadOnlySpan<float> g, Span<float> to)
    {
        float p = g[0] + g[2], q = MathF.FusedMultiplyAdd(0.25f, g[0], g[2]);
        to[0] = 0.25f * g[0];
        to[1] = -Sixth * (p + g[1]);
        to[2] = -Sixth * (p - g[1]);
        to[3] = Sixth * MathF.FusedMultiplyAdd(0.5f, g[1], q);
        to[4] = Sixth * MathF.FusedMultiplyAdd(-0.5f, g[1], q);
        to[5] = g[2];
    }

    /// <summary>A^T: (1 1 1 1 1 0), (0 1 -1 2 -2 0), (0 1 1 4 4 0), (0 1 -1 8 -8 1).</summary>
    public static void OutputLine(ReadOnlySpan<float> m, Span<float> to)
    {
        float s = m[1] + m[2], t = m[1] - m[2], u = m[3] + m[4], v = m[3] - m[4];
        to[0] = m[0] + s + u;
        to[1] = MathF.FusedMultiplyAdd(2, v, t);
        to[2] = MathF.FusedMultiplyAdd(4, u, s);
        to[3] = MathF.FusedMultiplyAdd(8, v, t) + m[5];
    }

    /// <summary>G of four values: (1/4 0 0 0), (-1/6 -1/6 -1/6 -1/6), (-1/6 1/6 -1/6 1/6), (1/24 1/12 1/6 1/3), (1/24 -1/12 1/6 -1/3), (0 0 0 1).</summary>
    private static void GradientLine(ReadOnlySpan<float> e, Span<float> to)
    {
        float p = e[0] + e[2], q = e[1] + e[3];
        float r = MathF.FusedMultiplyAdd(0.25f, e[0], e[2]), s = MathF.FusedMultiplyAdd(0.25f, e[1], e[3]);
        to[0] = 0.25f * e[0];
        to[1] = -Sixth * (p + q);
        to[2] = -Sixth * (p - q);
        to[3] = Sixth * MathF.FusedMultiplyAdd(2, s, r);
        to[4] = Sixth * MathF.FusedMultiplyAdd(-2, s, r);
        to[5] = e[3];
    }

    /// <summary>A^T of three values: (1 1 1 1 1 0), (0 1 -1 2 -2 0), (0 1 1 4 4 1).</summary>
    public static void KernelGradientLine(ReadOnlySpan<float> m, Span<float> to)
    {
        float s = m[1] + m[2], t = m[1] - m[2], u = m[3] + m[4], v = m[3] - m[4];
        to[0] = m[0] + s + u;
        to[1] = MathF.FusedMultiplyAdd(2, v, t);
        to[2] = MathF.FusedMultiplyAdd(4, u, s) + m[5];
    }
}

using Detox.Gpu.Devices;

namespace Detox.Gpu.Kernels;

/// <summary>Batch normalisation of rows (samples x positions) x channels, channel by channel, with an optional addend and rectifier behind it.</summary>
/// <remarks>A channel's sums go down the rows in chunks of <see cref="Chunk"/> rows, each a chain from +0; the chunks are added in
/// ascending order from +0. With n rows: mean = (sum of x) / n; variance = (chain fma(x - mean, x - mean, sum)) / n, the biased one;
/// inverse = 1 / sqrt(variance + epsilon); factor = scale * inverse; output = fma(x - mean, factor, shift), + the addend, rectified as
/// <see cref="ReluForward"/> does. Backward, with g the output's gradient, +0 where a rectified output is not above 0, which is the addend's too: shift' = sum of g; scale' =
/// (chain fma(g, x - mean, sum)) * inverse; input' = factor * fma(mean - x, (scale' * inverse) / n, g - shift' / n).
/// statistics: the channels' means, then their variances. A NaN reaches its whole channel. At most 2^24 rows. Portable. Source:
/// Ioffe, Szegedy 2015, "Batch Normalization".</remarks>
internal static partial class BatchNorm
{
    /// <summary>Rows in a chunk.</summary>
    public const int Chunk = 128;

    public const float Epsilon = 1e-5f;

    /// <summary>Whole numbers beyond it are not all floats, and the sums are divided by one.</summary>
    private const int MostRows = 1 << 24;

    /// <summary>The sums of chunks, and what the CPU makes of them.</summary>
    internal static readonly Scratch<float> Sums = new();

    public static float Inverse(float variance) => Portable.Divide(1, Portable.Sqrt(Portable.Add(variance, Epsilon)));

    public static float Factor(float scale, float variance) => Portable.Multiply(scale, Inverse(variance));

    /// <summary>The rows of a batch, none included; an error where they cannot be normalised.</summary>
    public static int Rows(int channels, View input)
    {
        if (channels <= 0) throw new ArgumentException($"Channels: {channels} where at least 1 is expected.");
        if (input.Length % channels != 0) throw new ArgumentException($"Input: a view of {input.Length} floats, which are no rows of {channels} channels.");
        long rows = input.Length / channels;
        if (rows > MostRows) throw new ArgumentException($"Input: {rows} rows where a batch has at most {MostRows}; take a smaller batch.");
        return (int)rows;
    }

    public static void ExpectRows(int channels, View input)
    {
        if (Rows(channels, input) == 0) throw new ArgumentException("A batch of no rows has no mean; give it at least one sample.");
    }

    public static int Chunks(int rows) => (rows + Chunk - 1) / Chunk;
}

using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class BatchNorm
{
    /// <summary>Blocks of rows that each compute a channel's total anew: so many read no more sums than there are values.</summary>
    private const int MostBlocks = Chunk;

    /// <summary>How long blocks are, at least so long, if there are to be few enough of them.</summary>
    public static int BlockLength(int least, int length) => Math.Max(least, (length + MostBlocks - 1) / MostBlocks);

    /// <summary>The sum of so many values of a channel, one below the other: a chain from +0.</summary>
    /// <param name="at">Where the first one stands.</param>
    public static float Sum(ArrayView<float> values, long at, int channels, int count)
    {
        float sum = 0;
        for (; count >= 8; count -= 8, at += 8L * channels)
        {
            Four first = new(values, at, channels), second = new(values, at + (4L * channels), channels);
            sum = second.AddedTo(first.AddedTo(sum));
        }

        for (; count > 0; count--, at += channels) sum = Portable.Add(sum, values[at]);
        return sum;
    }

    /// <summary>The gradient, +0 where a rectified output is not above 0.</summary>
    public static float Passed(float gradient, float output, int rectified) => rectified == 0 | Portable.Less(0, output) ? gradient : 0;

    /// <summary>Four values of a channel, a row each: their loads are under way together, and then they are used in their order.</summary>
    internal readonly struct Four(float a, float b, float c, float d)
    {
        public readonly float A = a, B = b, C = c, D = d;

        public Four(ArrayView<float> values, long at, long stride)
            : this(values[at], values[at + stride], values[at + (2 * stride)], values[at + (3 * stride)])
        {
        }

        public float AddedTo(float sum) => Portable.Add(Portable.Add(Portable.Add(Portable.Add(sum, A), B), C), D);

        public Four Minus(float mean) => new(Portable.Subtract(A, mean), Portable.Subtract(B, mean), Portable.Subtract(C, mean), Portable.Subtract(D, mean));

        /// <summary>The sum and the products with the other four, in a chain.</summary>
        public float ProductsAddedTo(float sum, Four other)
            => Portable.Fma(D, other.D, Portable.Fma(C, other.C, Portable.Fma(B, other.B, Portable.Fma(A, other.A, sum))));

        /// <summary>See <see cref="BatchNorm.Passed"/>.</summary>
        public Four Passed(Four output, int rectified)
            => new(BatchNorm.Passed(A, output.A, rectified), BatchNorm.Passed(B, output.B, rectified), BatchNorm.Passed(C, output.C, rectified), BatchNorm.Passed(D, output.D, rectified));
    }
}

/// <summary>A group's share of a matrix of rows x channels: some neighbouring channels, each of which several threads hold, of a block of rows.</summary>
internal readonly struct ChannelTile
{
    /// <summary>Of a group.</summary>
    public const int Threads = 128;

    /// <summary>Channels of a group.</summary>
    public const int MostChannels = 32;

    private readonly int _channels;

    public ChannelTile(int channels)
    {
        int tiles = Tiles(channels), width = Width(channels);
        _channels = channels;
        Block = Grid.IdxX / tiles;
        Column = Group.IdxX % width;
        Channel = (Grid.IdxX % tiles * width) + Column;
        Lane = Group.IdxX / width;
        Lanes = Threads / width;
    }

    /// <summary>The number of the block of rows.</summary>
    public int Block { get; }

    /// <summary>The thread's channel.</summary>
    public int Channel { get; }

    /// <summary>The same, counted in the group.</summary>
    public int Column { get; }

    /// <summary>Which it is of the threads that hold this channel; what has no more than the whole ones may have a higher one.</summary>
    public int Lane { get; }

    /// <summary>How many threads hold a channel: at least four.</summary>
    public int Lanes { get; }

    public bool TakesPart => (Channel < _channels) & (Lane < Lanes);

    /// <summary>Groups for so many blocks of rows.</summary>
    public static long Groups(int channels, int blocks) => (long)Tiles(channels) * blocks;

    public static int LanesOf(int channels) => Threads / Width(channels);

    private static int Tiles(int channels) => (channels + MostChannels - 1) / MostChannels;

    // Evenly, so that no group is left with a single channel.
    private static int Width(int channels) => (channels + Tiles(channels) - 1) / Tiles(channels);
}

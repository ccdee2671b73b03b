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

    /// <summary>Four values of a channel, a row each: their loads are under way together, and then they are used in their order.</summary>
    internal readonly struct Four(float a, float b, float c, float d)
    {
        public readonly float A = a, B = b, C = c, D = d;

        public Four(ArrayView<float> values, long at, long stride)
            : this(values[at], values[at + stride], values[at + (2 * stride)], values[at + (3 * stride)])
        {
        }

        public void Store(ArrayView<float> values, long at, long stride)
        {
            values[at] = A;
            values[at + stride] = B;
            values[at + (2 * stride)] = C;
            values[at + (3 * stride)] = D;
        }

        public float AddedTo(float sum) => Portable.Add(Portable.Add(Portable.Add(Portable.Add(sum, A), B), C), D);

        public Four Minus(float mean) => new(Portable.Subtract(A, mean), Portable.Subtract(B, mean), Portable.Subtract(C, mean), Portable.Subtract(D, mean));

        /// <summary>The sum and the products with the other four, in a chain.</summary>
        public float ProductsAddedTo(float sum, Four other)
            => Portable.Fma(D, other.D, Portable.Fma(C, other.C, Portable.Fma(B, other.B, Portable.Fma(A, other.A, sum))));
    }
}

/// <summary>The rows of a chunk in a channel.</summary>
internal readonly struct ChunkRows(int chunk, int channel, int channels, int rows)
{
    /// <summary>Of the batch.</summary>
    public int First => chunk * BatchNorm.Chunk;

    /// <summary>Of the batch: the row behind the last one.</summary>
    public int End => Math.Min(First + BatchNorm.Chunk, rows);

    /// <summary>Where the first one's value stands; the next one's is so many channels behind it.</summary>
    public long At => ((long)First * channels) + channel;
}

/// <summary>A group's share of a matrix of rows x channels: some neighbouring channels, each of which several threads hold, of a block of rows.</summary>
internal readonly struct ChannelTile
{
    /// <summary>Of a group.</summary>
    public const int Threads = 128;

    /// <summary>Channels of a group.</summary>
    public const int MostChannels = 32;

    /// <summary>Channels of a group that holds all their rows: 32 bytes, the least that a GPU's memory brings.</summary>
    public const int WholeChannels = 8;

    /// <summary>The most chunks of such a group: each has a thread of its own, so that the one launch takes no longer chains than several do.</summary>
    public const int MostWholeChunks = Threads / WholeChannels;

    private readonly int _channels;

    /// <param name="most">Channels of a group.</param>
    public ChannelTile(int channels, int most)
    {
        int tiles = Tiles(channels, most), width = Width(channels, most);
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

    /// <summary>How many threads hold a channel.</summary>
    public int Lanes { get; }

    public bool TakesPart => (Channel < _channels) & (Lane < Lanes);

    /// <summary>Groups for so many blocks of rows.</summary>
    public static long Groups(int channels, int blocks) => (long)Tiles(channels, MostChannels) * blocks;

    /// <summary>Groups that hold all rows of their channels.</summary>
    public static long WholeGroups(int channels) => Tiles(channels, WholeChannels);

    public static int LanesOf(int channels) => Threads / Width(channels, MostChannels);

    private static int Tiles(int channels, int most) => (channels + most - 1) / most;

    // Evenly, so that no group is left with a single channel.
    private static int Width(int channels, int most) => (channels + Tiles(channels, most) - 1) / Tiles(channels, most);
}

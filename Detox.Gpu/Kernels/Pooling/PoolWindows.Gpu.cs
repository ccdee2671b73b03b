using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The windows of a pooling on a GPU: so many rows and columns of them in each sample.</summary>
/// <remarks>A group has one row of windows, or a part of it: so nothing that differs from thread to thread takes more than one division, and none is of 64 bits, for
/// which a GPU needs a hundred instructions.</remarks>
internal readonly struct PoolWindows(PoolShape shape, int rows, int columns)
{
    public const int Threads = 128;

    private int Parts => ((columns * shape.Channels) + Threads - 1) / Threads;

    public long Groups(int samples) => (long)samples * rows * Parts;

    /// <summary>The first input of a window.</summary>
    public long Corner(PoolWindow window) => MaxPool.Corner(shape, window.Sample, window.Row, window.Column, window.Channel);

    /// <summary>Where a window's output lies.</summary>
    public long Output(PoolWindow window)
        => ((((((long)window.Sample * shape.OutputHeight) + window.Row) * shape.OutputWidth) + window.Column) * shape.Channels) + window.Channel;

    /// <summary>This thread's window and channel; those that fill up a row have none.</summary>
    public PoolWindow Find()
    {
        int line = Grid.IdxX / Parts, place = ((Grid.IdxX - (line * Parts)) * Threads) + Group.IdxX, sample = line / rows, column = place / shape.Channels;
        return new() { Sample = sample, Row = line - (sample * rows), Column = column, Channel = place - (column * shape.Channels), IsThere = column < columns };
    }
}

/// <summary>One window and channel of a sample.</summary>
internal struct PoolWindow
{
    public int Sample, Row, Column, Channel;

    public bool IsThere;
}

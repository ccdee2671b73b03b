using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>What the largest values of windows and their gradients have in common.</summary>
internal static unsafe class MaxPool
{
    /// <summary>The first input of an output's window.</summary>
    public static long Corner(in PoolShape shape, long at)
    {
        long pixel = at / shape.Channels, line = pixel / shape.OutputWidth;
        return Corner(shape, line / shape.OutputHeight, (int)(line % shape.OutputHeight), (int)(pixel % shape.OutputWidth), (int)(at % shape.Channels));
    }

    /// <summary>The first input of the window in a row and column of windows of a sample.</summary>
    public static long Corner(in PoolShape shape, long sample, int row, int column, int channel)
        => (((((sample * shape.Height) + (row * shape.Window)) * shape.Width) + (column * shape.Window)) * shape.Channels) + channel;

    /// <summary>Where an input of a window lies behind the first one; they are counted row by row.</summary>
    public static int Tap(in PoolShape shape, int tap) => ((tap / shape.Window * shape.Width) + (tap % shape.Window)) * shape.Channels;

    public static void Taps(in PoolShape shape, int* taps)
    {
        for (int tap = 0; tap < shape.Window * shape.Window; tap++) taps[tap] = Tap(shape, tap);
    }

    /// <summary>The next vector of channels: the last one overlaps the one before it, whose results it finds again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Next<TLanes, V>(int channel, int channels)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int next = channel + TLanes.Count;
        return next >= channels ? channels : Math.Min(next, channels - TLanes.Count);
    }
}

using System.Diagnostics;

namespace Detox.Mpi.Messaging;

/// <summary>How long a rank waits before it looks again: not at all at first, then longer and longer.</summary>
/// <remarks>A rank that yields in a loop keeps a core that is another rank's, and one that sleeps long answers late. So
/// it yields a few times only, and not at all where ranks outnumber cores, and then sleeps on its <see cref="Doorbell"/>,
/// which its neighbours on the node ring. The time-out is for what rings no bell: messages from other nodes, a library
/// that greets a new neighbour, and one that moves a long message only while both ends call it.</remarks>
internal struct Patience
{
    private const int ShortestMicroseconds = 50;
    private const int LogGrowth = 2;

    private long _start;
    private int _looks;

    /// <summary>Microseconds to sleep, at most <paramref name="longest"/>; 0 means to yield only, which comes <paramref name="yields"/> times.</summary>
    public int Next(int yields, int longest)
    {
        int naps = ++_looks - yields;
        return naps <= 0 ? 0 : (int)Math.Min(longest, (long)ShortestMicroseconds << Math.Min(LogGrowth * (naps - 1), 20));
    }

    /// <summary>The same for what rings no bell: a nap is a small share of the whole wait so far, so that a long wait is neither
    /// a hundred thousand looks nor noticeably longer.</summary>
    public int NextShare(int yields, int longest)
    {
        const int share = 32;
        if (_looks++ == 0) _start = Stopwatch.GetTimestamp();
        if (_looks <= yields) return 0;
        double waited = Stopwatch.GetElapsedTime(_start).TotalMicroseconds;
        return (int)Math.Clamp(waited / share, ShortestMicroseconds, longest);
    }
}

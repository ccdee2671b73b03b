using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Two ranges of threads in one launch, which share no group: all threads of a group do the same.</summary>
internal readonly struct TwoRanges(long first, long second)
{
    public const int Threads = 128;

    public long First => first;

    public long Second => second;

    /// <summary>Whether this group is one of the first range.</summary>
    public bool IsFirst => Grid.IdxX < FirstGroups;

    /// <summary>This thread's number in its range; those that fill up the last group of a range go beyond it.</summary>
    public long Index => ((Grid.IdxX - (IsFirst ? 0 : FirstGroups)) * Threads) + Group.IdxX;

    private long FirstGroups => Groups(first);

    public static long Groups(long first, long second) => Groups(first) + Groups(second);

    private static long Groups(long count) => (count + Threads - 1) / Threads;
}

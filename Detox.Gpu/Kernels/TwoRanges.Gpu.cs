using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Two ranges of threads in one launch, which share no group: all threads of a group do the same.</summary>
internal readonly struct TwoRanges(long first, long second)
{
    public const int Threads = 128;

    public long First => first;

    public long Second => second;

    public long Groups => FirstGroups + GroupsOf(second);

    private long FirstGroups => GroupsOf(first);

    /// <summary>Whether a group is one of the first range.</summary>
    public bool IsFirst(long group) => group < FirstGroups;

    /// <summary>This thread's number in its group's range; those that fill up the last group of a range go beyond it.</summary>
    public long Index(long group) => ((group - (IsFirst(group) ? 0 : FirstGroups)) * Threads) + Group.IdxX;

    private static long GroupsOf(long count) => (count + Threads - 1) / Threads;
}

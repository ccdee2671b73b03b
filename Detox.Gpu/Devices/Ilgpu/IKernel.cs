using ILGPU;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>A kernel: its fields are its arguments, and every thread of every group runs it.</summary>
internal interface IKernel
{
    /// <summary>Of how many threads a group is.</summary>
    static abstract int Threads { get; }

    void Run();
}

/// <summary>A kernel of which each thread has a number and works for itself.</summary>
internal interface IThread
{
    void Run(long index);
}

/// <summary>As many threads of such a kernel as are asked for; those that fill up the last group do nothing.</summary>
internal readonly struct Each<TThread>(long count, TThread thread) : IKernel
    where TThread : struct, IThread
{
    public static int Threads => 128;

    public void Run()
    {
        long index = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (index < count) thread.Run(index);
    }
}

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

    private long FirstGroups => (first + Threads - 1) / Threads;

    public static long Groups(long first, long second) => ((first + Threads - 1) / Threads) + ((second + Threads - 1) / Threads);
}

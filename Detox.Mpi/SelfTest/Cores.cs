using Detox.Mpi.Messaging;

namespace Detox.Mpi.SelfTest;

/// <summary>The cores of this node that this job has, by the system's numbers.</summary>
internal static class Cores
{
    /// <summary>More than any machine has.</summary>
    private const int Most = 8192;

    private const int Word = 64;

    /// <param name="asBound">Whether those are left out from which a launcher has kept this process.</param>
    public static int[] All(bool asBound)
    {
        Span<ulong> set = stackalloc ulong[Most / Word];
        set.Fill(ulong.MaxValue);
        if (!asBound) LibC.SetAffinity(set);
        LibC.GetAffinity(set);
        List<int> cores = [];
        for (int core = 0; core < Most; core++)
            if ((set[core / Word] & (1ul << (core % Word))) != 0) cores.Add(core);
        return cores.Count > 0 ? [.. cores] : throw new DetoxException(ExitCode.Environment, "expected the system to list this process's cores (sched_getaffinity), found none.");
    }

    /// <summary>From now on this thread runs on this core alone.</summary>
    public static void RunOn(int core)
    {
        Span<ulong> set = stackalloc ulong[Most / Word];
        set.Clear();
        set[core / Word] = 1ul << (core % Word);
        if (!LibC.SetAffinity(set)) throw new DetoxException(ExitCode.Environment, $"core {core} was there when the test began, and nothing can run on it any more (sched_setaffinity).");
    }
}

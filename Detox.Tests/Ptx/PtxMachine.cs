using System.Runtime.ExceptionServices;

namespace Detox.Tests.Ptx;

/// <summary>What a launch ran: instructions of warps, and of threads.</summary>
internal readonly record struct PtxCounts(long Instructions, long ThreadInstructions)
{
    public static PtxCounts operator +(PtxCounts a, PtxCounts b) => new(a.Instructions + b.Instructions, a.ThreadInstructions + b.ThreadInstructions);
}

/// <summary>Runs kernels as PTX says, and refuses what PTX leaves open.</summary>
internal sealed class PtxMachine(GlobalMemory memory, PtxChecks? checks = null)
{
    private readonly PtxChecks _checks = checks ?? new PtxChecks();

    public GlobalMemory Memory => memory;

    /// <summary>Runs a kernel for all groups of a grid.</summary>
    /// <param name="parameters">The parameters, each at its natural alignment, as the driver takes them.</param>
    /// <exception cref="PtxFault">The kernel did what it must not.</exception>
    public PtxCounts Launch(PtxKernel kernel, Triple grid, Triple group, ReadOnlySpan<byte> parameters)
    {
        Check(kernel, grid, group, parameters.Length);
        byte[] block = parameters.ToArray();
        memory.BeginLaunch(_checks.GlobalRaces);
        int workers = _checks.GlobalRaces ? 1 : (int)Math.Clamp(_checks.GroupsAtATime, 1, grid.Count);
        long next = -1;
        PtxCounts counts = default;
        ExceptionDispatchInfo? failure = null;
        object gate = new();

        void Work()
        {
            Group own = new(kernel, _checks, memory, block, group, grid);
            try
            {
                for (long number = Interlocked.Increment(ref next); number < grid.Count; number = Interlocked.Increment(ref next)) own.Run(number);
            }
            catch (Exception exception)
            {
                Interlocked.Exchange(ref next, grid.Count);
                lock (gate) failure ??= ExceptionDispatchInfo.Capture(exception);
            }

            lock (gate) counts += own.Counts;
        }

        Thread[] others = [.. Enumerable.Range(1, workers - 1).Select(_ => new Thread(Work))];
        foreach (Thread other in others) other.Start();
        Work();
        foreach (Thread other in others) other.Join();
        failure?.Throw();
        return counts;
    }

    // What the driver refuses: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
    private static void Check(PtxKernel kernel, Triple grid, Triple group, int bytes)
    {
        if (grid is not { X: > 0, Y: > 0 and <= 65535, Z: > 0 and <= 65535 }) throw new ArgumentException($"a grid of {grid} groups cannot be launched", nameof(grid));
        if (group is not { X: > 0, Y: > 0, Z: > 0 and <= 64 } || group.Count > kernel.MostThreads)
            throw new ArgumentException($"a group of {group} threads cannot be launched: {kernel.MostThreads} are the most", nameof(group));
        if (bytes != kernel.ParameterBytes) throw new ArgumentException($"{kernel.Name} has {kernel.ParameterBytes} bytes of parameters, not {bytes}", nameof(bytes));
    }
}

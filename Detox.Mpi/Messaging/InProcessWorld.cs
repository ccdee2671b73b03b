using System.Runtime.ExceptionServices;

namespace Detox.Mpi.Messaging;

/// <summary>The ranks of a job as threads of this process: the same program without an MPI.</summary>
public sealed class InProcessWorld
{
    /// <summary>Enough for the step, whose vectors are on the heap; forty-five of a thread's usual 8 MB would look like a leak.</summary>
    private const int StackBytes = 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly List<InProcessDoorbell> _bells = [];
    private ExceptionDispatchInfo? _failure;
    private volatile bool _hasFailed;

    private InProcessWorld()
    {
    }

    internal bool HasFailed => _hasFailed;

    /// <summary>Runs <paramref name="rankBody"/> as each of <paramref name="size"/> ranks and returns when all have ended.</summary>
    /// <param name="nodes">The node of each rank, as if the threads were on several; null: all are on one.</param>
    /// <exception cref="Exception">The first exception that left a rank's body, as it was. The other ranks' waits then end
    /// with an <see cref="OperationCanceledException"/>.</exception>
    public static void Run(int size, Action<Communicator> rankBody, int[]? nodes = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        InProcessWorld world = new();
        InProcessDoorbell[] bells = [.. Enumerable.Range(0, size).Select(_ => world.NewBell())];
        InProcessTeam team = new(world, bells, nodes ?? new int[size]);
        Thread[] threads = [.. Enumerable.Range(0, size).Select(rank => new Thread(() => world.RunRank(team, rank, rankBody), StackBytes)
        {
            Name = $"rank {rank}",
            IsBackground = true,
        })];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        world._failure?.Throw();
    }

    private void RunRank(InProcessTeam team, int rank, Action<Communicator> rankBody)
    {
        try
        {
            using InProcessCommunicator communicator = new(team, rank);
            rankBody(communicator);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    internal void ThrowIfFailed()
    {
        if (HasFailed) throw new OperationCanceledException("another rank has failed");
    }

    internal InProcessDoorbell NewBell()
    {
        InProcessDoorbell bell = new(this);
        lock (_lock) _bells.Add(bell);
        return bell;
    }

    /// <summary>Keeps the first failure and wakes every rank that waits.</summary>
    internal void Fail(Exception exception) => End(ExceptionDispatchInfo.Capture(exception));

    /// <summary>Ends every rank that waits, which is no failure.</summary>
    internal void End() => End(failure: null);

    private void End(ExceptionDispatchInfo? failure)
    {
        lock (_lock)
        {
            if (HasFailed) return;
            _failure = failure;
            _hasFailed = true;
            foreach (InProcessDoorbell bell in _bells) bell.Ring();
        }
    }
}

/// <summary>A rank ended the job on purpose.</summary>
public sealed class JobAbortedException(int exitCode) : Exception($"a rank ended the job with exit code {exitCode}")
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>A doorbell between threads.</summary>
internal sealed class InProcessDoorbell(InProcessWorld world) : Doorbell
{
    private readonly object _gate = new();
    private int _rings;

    public override int Rings => Volatile.Read(ref _rings);

    public override void Wait(int rings, ref Patience patience, TimeSpan limit)
    {
        lock (_gate)
        {
            // With a limit the wait may end for nothing: whoever waits looks at the clock anyway.
            while (_rings == rings && !world.HasFailed)
                if (!Monitor.Wait(_gate, limit) || limit != Timeout.InfiniteTimeSpan) break;
        }

        world.ThrowIfFailed();
    }

    public void Ring()
    {
        lock (_gate)
        {
            _rings++;
            Monitor.PulseAll(_gate);
        }
    }
}

namespace Detox.Mpi.Messaging;

/// <summary>A group of ranks that exchange values: MPI's communicator, with MPI.NET's names, over spans of plain values.</summary>
/// <remarks>All ranks call the collective operations in the same order. A rank that waits yields its core.
/// Implementations: <c>MpiCommunicator</c> (any MPI library) and <c>InProcessCommunicator</c> (threads of one process).
/// Values travel as their bytes, so all ranks must have one byte order.</remarks>
public abstract class Communicator : IDisposable
{
    /// <summary>This rank, 0..Size-1.</summary>
    public abstract int Rank { get; }

    /// <summary>The number of ranks.</summary>
    public abstract int Size { get; }

    /// <summary>Collective: ranks of one <paramref name="color"/> become a communicator, ordered by <paramref name="key"/>, then rank.</summary>
    public abstract Communicator Split(int color, int key);

    /// <summary>Collective: no rank leaves before all have come.</summary>
    public abstract void Barrier();

    /// <summary>Collective: the root's values reach every rank. All spans have one length.</summary>
    public abstract void Broadcast<T>(Span<T> values, int root)
        where T : unmanaged;

    /// <summary>Collective: the root receives Size x values.Length values, in rank order; others give an empty span.</summary>
    public abstract void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root)
        where T : unmanaged;

    /// <summary>Collective: every rank receives Size x values.Length values, in rank order.</summary>
    public abstract void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered)
        where T : unmanaged;

    /// <summary>Collective: element by element, the minimum, maximum or sum over the ranks. Sums are exact integers, so no order matters.</summary>
    public abstract void Allreduce(Span<long> values, Reduction reduction);

    /// <summary>Sends to one rank; returns when <paramref name="values"/> may be reused.</summary>
    public abstract void Send<T>(ReadOnlySpan<T> values, int destination, int tag)
        where T : unmanaged;

    /// <summary>Receives from one rank; returns the number of values, which may be fewer than there is room for.
    /// More than there is room for is an error.</summary>
    public abstract int Receive<T>(Span<T> values, int source, int tag)
        where T : unmanaged;

    /// <summary>Starts to send; the memory must stay as it is until the request has completed.</summary>
    public abstract Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag)
        where T : unmanaged;

    /// <summary>Starts to receive; the memory belongs to the request until it has completed.</summary>
    public abstract Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
        where T : unmanaged;

    /// <summary>Ends the whole job, all ranks of it, with an exit code. Does not return under MPI.</summary>
    public abstract void Abort(int exitCode);

    public abstract void Dispose();
}

/// <summary>What <see cref="Communicator.Allreduce"/> makes of the ranks' values.</summary>
public enum Reduction
{
    Sum,
    Minimum,
    Maximum,
}

/// <summary>An operation that was started; it must be waited for once.</summary>
public abstract class Request
{
    /// <summary>Whether it has completed; does not wait.</summary>
    public abstract bool Test();

    /// <summary>Waits, yielding the core; returns the number of values received (0 for a send).</summary>
    public abstract int Wait();

    /// <summary>Waits until one of the requests has completed and returns its index. Entries that are null are passed over.</summary>
    public static int WaitAny(ReadOnlySpan<Request?> requests)
    {
        Patience patience = default;
        while (true)
        {
            for (int i = 0; i < requests.Length; i++)
                if (requests[i]?.Test() == true) return i;
            patience.Pause();
        }
    }
}

using System.Diagnostics;

namespace Detox.Mpi.Messaging;

/// <summary>A group of ranks that exchange values: MPI's communicator, with MPI.NET's names, over spans of plain values.</summary>
/// <remarks>All ranks call the collective operations in the same order. A rank that waits leaves its core to others.
/// Implementations: <c>MpiCommunicator</c> (any MPI library) and <c>InProcessCommunicator</c> (threads of one process).
/// Values travel as their bytes, so all ranks must have one byte order. A rank uses its communicators from one thread at a
/// time. Messages between two ranks with one tag arrive in the order in which they were sent.</remarks>
public abstract class Communicator : IDisposable
{
    /// <summary>Tags are 0 to this, which every MPI library allows; the collective operations keep the one above it.</summary>
    public const int LargestTag = 32_766;

    /// <summary>For <see cref="Probe"/>: whoever has sent.</summary>
    public const int AnyRank = -1;

    /// <summary>This rank, 0..Size-1.</summary>
    public abstract int Rank { get; }

    /// <summary>The number of ranks.</summary>
    public abstract int Size { get; }

    /// <summary>What carries the messages, for people: "Open MPI v4.1.4", "threads of one process".</summary>
    public abstract string Description { get; }

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

    /// <summary>Sends to one rank; returns when <paramref name="values"/> may be reused, which may be only when they are received.</summary>
    public abstract void Send<T>(ReadOnlySpan<T> values, int destination, int tag)
        where T : unmanaged;

    /// <summary>Receives from one rank; returns the number of values, which may be fewer than there is room for.
    /// More than there is room for is an error.</summary>
    public abstract int Receive<T>(Span<T> values, int source, int tag)
        where T : unmanaged;

    /// <summary>Starts to send; the memory must stay as it is until the request has completed.</summary>
    /// <param name="quietly">Wakes nobody: the receiver finds the message when something else lets it look.</param>
    public abstract Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
        where T : unmanaged;

    /// <summary>Starts to receive; the memory belongs to the request until it has completed. A message that is longer than the
    /// memory is an error (<see cref="Request.IsTooLong"/>) and, with some MPI libraries, undefined behaviour: from a rank that is not
    /// trusted only what <see cref="Probe"/> has measured is received.</summary>
    public abstract Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
        where T : unmanaged;

    /// <summary>Whether a message of this tag has come and was not received yet: whose the first such message is, and how long.</summary>
    /// <param name="source">A rank, or <see cref="AnyRank"/>.</param>
    public abstract bool Probe(int source, int tag, out int sender, out long bytes);

    /// <summary>Where the memory begins that the oldest message of a rank and tag was sent from that has come and was not received yet, if that is memory of this
    /// process; else 0. Who receives it there receives it without a copy.</summary>
    public virtual nint SentFrom(int source, int tag) => 0;

    /// <summary>Starts to receive the next message of a rank into nothing, however long it is.</summary>
    public abstract Request Drop(int source, int tag);

    /// <summary>Looks again and again, asleep in between, until <paramref name="look"/> has found what it looks for (true), or
    /// the time is over (false).</summary>
    /// <param name="limit">Infinite by <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    public bool Await(Func<bool> look, TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        Patience patience = default;
        while (true)
        {
            int rings = Bell.Rings;
            if (look()) return true;
            TimeSpan left = limit;
            if (limit != Timeout.InfiniteTimeSpan)
            {
                left -= Stopwatch.GetElapsedTime(start);
                if (left <= TimeSpan.Zero) return false;
            }

            Bell.Wait(rings, ref patience, left);
        }
    }

    /// <summary>For each rank the number of its node: ranks of one node can share memory.</summary>
    public abstract IReadOnlyList<int> Nodes { get; }

    /// <summary>The cores that this rank may keep busy: those it may run on, each shared evenly with the ranks that may run there too.
    /// At least 1.</summary>
    public abstract int OwnCores { get; }

    /// <summary>The cores that all ranks of this node may run on.</summary>
    public abstract int NodeCores { get; }

    /// <summary>Whether this node has more ranks than cores.</summary>
    public virtual bool IsCrowded => false;

    /// <summary>Collective: gives some ranks memory that the ranks of their nodes read, and only they themselves write.</summary>
    /// <param name="bytes">Of each board.</param>
    /// <param name="writes">Whether this rank has a board.</param>
    public abstract Boards OpenBoards(long bytes, bool writes);

    /// <summary>Takes back every message that this rank has started and that is not yet on its way: its memory may go afterwards.</summary>
    public virtual void Withdraw()
    {
    }

    /// <summary>Waits until this rank may compute with so many threads: at a time only as many ranks of a node do as it has
    /// cores for. Where ranks outnumber cores, one after another is quicker than all at once, since each then has the
    /// caches to itself. A courtesy, not a lock: a rank that keeps its turn for too long loses it, and none waits for ever.</summary>
    public virtual void TakeTurn(int threads)
    {
    }

    /// <summary>Lets the next rank of the node compute.</summary>
    public virtual void GiveTurn()
    {
    }

    /// <summary>Ends the job from rank 0, with an exit code, where some ranks do not answer and so take no part in its end. Its other ranks wait
    /// in <see cref="Dispose"/>. Does not return where the whole job ends by it.</summary>
    public virtual void EndWithout(IReadOnlyList<int> ranks, int exitCode)
    {
    }

    /// <summary>Lets ranks of this node go on whose processes were stopped.</summary>
    /// <param name="processes">The number of each rank's process.</param>
    public virtual void Wake(IReadOnlyList<int> ranks, IReadOnlyList<int> processes)
    {
    }

    /// <summary>Ends the whole job, all ranks of it, with an exit code. Does not return under MPI; in one process the other
    /// ranks' waits end with an <see cref="OperationCanceledException"/>.</summary>
    public abstract void Abort(int exitCode);

    public abstract void Dispose();

    /// <summary>What is rung when this rank should look again.</summary>
    private protected abstract Doorbell Bell { get; }

    private protected static Doorbell BellOf(Communicator communicator) => communicator.Bell;

    private protected void CheckRank(int rank, string what)
    {
        if ((uint)rank >= (uint)Size)
            throw new ArgumentOutOfRangeException(what, rank, $"a communicator of {Size} ranks has the ranks 0 to {Size - 1}");
    }

    private protected void CheckPeer(int rank, int tag, string what)
    {
        CheckRank(rank, what);
        if ((uint)tag > LargestTag)
            throw new ArgumentOutOfRangeException(nameof(tag), tag, $"a tag is 0 to {LargestTag}");
    }

    private protected void CheckGathered(int values, int gathered)
    {
        if (gathered != (long)values * Size)
            throw new ArgumentException($"{Size} ranks with {values} values each need room for {(long)values * Size}, not {gathered}");
    }

    private protected static void Reduce(Span<long> values, ReadOnlySpan<long> all, Reduction reduction)
    {
        for (int i = 0; i < values.Length; i++)
        {
            long result = all[i];
            for (int j = i + values.Length; j < all.Length; j += values.Length)
            {
                result = reduction switch
                {
                    Reduction.Sum => checked(result + all[j]),
                    Reduction.Minimum => Math.Min(result, all[j]),
                    _ => Math.Max(result, all[j]),
                };
            }
            values[i] = result;
        }
    }
}

/// <summary>What <see cref="Communicator.Allreduce"/> makes of the ranks' values.</summary>
public enum Reduction
{
    Sum,
    Minimum,
    Maximum,
}

using System.Diagnostics;
using System.Numerics;

namespace Detox.Mpi.Messaging;

/// <summary>Memory that the ranks of one node share: a doorbell for each of them, and whose turn it is to compute.</summary>
/// <remarks>MPI libraries expect a core for each rank and spin while they wait. Here a waiting rank sleeps in the kernel until its
/// bell rings. Every rank of the node can write all of it, so nothing in it is believed: a bell that does not ring, or rings for
/// nothing, costs time and no more, and a turn that is kept for too long is taken away.</remarks>
internal sealed unsafe class NodeWindow : IDisposable
{
    private const int CacheLine = 64;
    private const int FailedAt = 0;
    private const int CoresAt = CacheLine;
    private const int BellsAt = 2 * CacheLine;

    /// <summary>One bit for each of the 1,024 processors of the kernel's usual set.</summary>
    private const int CoreBytes = 2 * CacheLine;

    /// <summary>A turn is a lease of this many of the longest turns that the rank has had itself, and at least of <see cref="ShortestLease"/>.</summary>
    private const int LeaseTurns = 4;

    /// <summary>After so many leases a rank computes without a turn.</summary>
    private const int MostLeases = 4;

    private static readonly TimeSpan _shortestLease = TimeSpan.FromSeconds(2);

    private readonly SharedMemory _shared;
    private readonly byte* _memory;
    private readonly int _rank;
    private readonly int _turnsAt;
    private readonly MpiDoorbell _bell;
    private TimeSpan _lease = _shortestLease;
    private long _taken;
    private long* _turn;

    /// <param name="memory">At least <see cref="BytesFor"/> bytes, zero at first.</param>
    /// <param name="rank">This rank's number on the node.</param>
    /// <param name="size">The number of ranks on the node.</param>
    public NodeWindow(SharedMemory memory, int rank, int size)
    {
        _shared = memory;
        _memory = memory.Memory;
        _rank = rank;
        Size = size;
        _turnsAt = BellsAt + (size * CacheLine);
        _bell = new MpiDoorbell(Bell(rank)) { MoveOn = static () => false };
        LibC.GetAffinity(CoresOf(rank));
    }

    public MpiDoorbell OwnBell => _bell;

    /// <summary>The number of ranks on the node.</summary>
    public int Size { get; }

    public static long BytesFor(int size) => BellsAt + (size * CacheLine) + CacheLine + (size * sizeof(long)) + ((long)size * CoreBytes) + CacheLine;

    private int* Bell(int rank) => (int*)(_memory + BellsAt + (rank * CacheLine));

    private int* TurnBell => (int*)(_memory + _turnsAt);

    /// <summary>A turn for each core, but no more than ranks: 0 where it is free, else when it was taken.</summary>
    private long* Turns => (long*)(_memory + _turnsAt + CacheLine);

    private Span<ulong> CoresOf(int rank)
        => new((byte*)(Turns + Size) + (rank * CoreBytes), CoreBytes / sizeof(ulong));

    /// <summary>Tells a rank of this node to look again.</summary>
    public void Ring(int rank) => MpiDoorbell.Ring(Bell(rank));

    /// <summary>Whether this rank is the first of its node to ask: the one that says why the job ends.</summary>
    public bool FirstToFail() => Interlocked.Exchange(ref *(int*)(_memory + FailedAt), 1) == 0;

    /// <summary>The cores that the ranks of this node may run on, all together, and this rank's even share of those that it may run on.
    /// Right once every rank of the node has a window; taken then, and kept.</summary>
    public (int Node, int Own) CountCores()
    {
        int node = 0;
        double own = 0;
        Span<ulong> mine = CoresOf(_rank);
        for (int core = 0; core < CoreBytes * 8; core++)
        {
            ulong bit = 1ul << (core % 64);
            int sharers = 0;
            for (int rank = 0; rank < Size; rank++)
                if ((CoresOf(rank)[core / 64] & bit) != 0) sharers++;
            if (sharers > 0) node++;
            if ((mine[core / 64] & bit) != 0 && sharers > 0) own += 1.0 / sharers;
        }

        const double almost = 1e-9;
        Cores = Math.Max(1, node);
        return (Cores, Math.Max(1, (int)(own + almost)));
    }

    private int Cores { get; set; } = 1;

    /// <summary>Waits, asleep, until so few ranks of the node compute that <paramref name="threads"/> more find a core each,
    /// and takes a turn. One rank at least has one.</summary>
    public void TakeTurn(int threads)
    {
        const int longestMicroseconds = 100_000;
        int turns = Math.Clamp(Cores / threads, 1, Size);
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            int rings = Volatile.Read(ref *TurnBell);
            for (int i = 0; i < turns; i++)
            {
                // Whatever is no time of the past is free: the time since a number far below zero would overflow.
                long now = Stopwatch.GetTimestamp(), held = Volatile.Read(ref Turns[i]);
                bool isFree = held <= 0 || held > now || Stopwatch.GetElapsedTime(held, now) > _lease;
                if (!isFree || Interlocked.CompareExchange(ref Turns[i], now, held) != held) continue;
                _turn = &Turns[i];
                _taken = now;
                return;
            }

            if (Stopwatch.GetElapsedTime(start) > MostLeases * _lease) return;
            LibC.WaitOn(TurnBell, rings, longestMicroseconds);
        }
    }

    public void GiveTurn()
    {
        if (_turn == null) return;
        TimeSpan own = LeaseTurns * Stopwatch.GetElapsedTime(_taken);
        if (own > _lease) _lease = own;

        // Where another rank has taken it meanwhile, it is the other's to give.
        Interlocked.CompareExchange(ref *_turn, 0, _taken);
        _turn = null;
        Interlocked.Increment(ref *TurnBell);
        LibC.Wake(TurnBell);
    }

    public void Dispose() => _shared.Dispose();
}

/// <summary>A doorbell in memory that the ranks of a node share: a count of rings, and whether its owner is asleep.</summary>
internal sealed unsafe class MpiDoorbell(int* word) : Doorbell
{
    /// <summary>A rank that hears no bell for this long looks anyway.</summary>
    public int LongestMicroseconds { get; set; } = 10_000;

    /// <summary>Whether messages come that ring no bell: then a rank looks more often, though ever more rarely.</summary>
    public bool IsOftenSilent { get; set; } = true;

    /// <summary>How often this rank gives way to others before it sleeps.</summary>
    public int Yields { get; set; } = 3;

    /// <summary>Done before each sleep; returns whether there is something to look at instead.</summary>
    public required Func<bool> MoveOn { get; set; }

    public override int Rings => Volatile.Read(ref *word);

    public override void Wait(int rings, ref Patience patience, TimeSpan limit)
    {
        if (MoveOn()) return;
        int microseconds = IsOftenSilent ? patience.NextShare(Yields, LongestMicroseconds) : patience.Next(Yields, LongestMicroseconds);
        if (limit != Timeout.InfiniteTimeSpan && limit.TotalMicroseconds < microseconds) microseconds = Math.Max(1, (int)limit.TotalMicroseconds);
        if (microseconds == 0)
        {
            LibC.Yield();
        }
        else
        {
            ref int asleep = ref word[1];
            Interlocked.Exchange(ref asleep, 1);
            LibC.WaitOn(word, rings, microseconds);
            Volatile.Write(ref asleep, 0);
        }

        if (Rings != rings) patience = default;
    }

    public static void Ring(int* word)
    {
        Interlocked.Increment(ref *word);
        // Its owner sets the mark before the kernel compares the count, so one of the two always sees the other.
        if (Interlocked.Exchange(ref word[1], 0) != 0) LibC.Wake(word);
    }
}

using System.Numerics;

namespace Detox.Mpi.Messaging;

/// <summary>Memory that the ranks of one node share: a doorbell for each of them, and slots through which one rank's bytes
/// reach all the others with one copy each.</summary>
/// <remarks>MPI libraries expect a core for each rank. Where ranks outnumber cores, their broadcasts spin, or wake every
/// rank once for each small fragment. Here a waiting rank sleeps in the kernel until its bell rings, and finds up to
/// <see cref="Slots"/> x <see cref="SlotBytes"/> bytes at once.
/// Chunk c of the job lies in slot c % Slots. It is there once the sequence number has passed c, and the slot is free when
/// its count of readers has come down to 0. All ranks of the node take part in every chunk, so they agree on c without asking.</remarks>
internal sealed unsafe class NodeWindow : IDisposable
{
    private const int SlotBytes = 256 * 1024;
    private const int Slots = 8;
    private const int CacheLine = 64;

    private const int SequenceAt = 0;
    private const int FailedAt = CacheLine;
    private const int TurnsAt = 2 * CacheLine;
    private const int CoresAt = 3 * CacheLine;
    private const int CoreBytes = 2 * CacheLine;
    private const int SlotStatesAt = CoresAt + CoreBytes;
    private const int BellsAt = SlotStatesAt + (Slots * CacheLine);

    private readonly SharedMemory _shared;
    private readonly byte* _memory;
    private readonly byte* _slots;
    private readonly int _rank;
    private readonly int _size;
    private readonly MpiDoorbell _bell;
    private long _next;

    /// <param name="memory">At least <see cref="BytesFor"/> bytes, zero at first.</param>
    /// <param name="rank">This rank's number on the node.</param>
    /// <param name="size">The number of ranks on the node.</param>
    public NodeWindow(SharedMemory memory, int rank, int size)
    {
        _shared = memory;
        _memory = memory.Memory;
        _rank = rank;
        _size = size;
        _slots = _memory + HeaderBytes(size);
        _bell = new MpiDoorbell(Bell(rank)) { MoveOn = static () => false };

        Span<ulong> own = stackalloc ulong[CoreBytes / sizeof(ulong)];
        LibC.GetAffinity(own);
        for (int i = 0; i < own.Length; i++) Interlocked.Or(ref ((ulong*)(_memory + CoresAt))[i], own[i]);
    }

    public MpiDoorbell OwnBell => _bell;

    /// <summary>The number of ranks on the node.</summary>
    public int Size => _size;

    private static int HeaderBytes(int size) => (BellsAt + (size * CacheLine) + 4095) & ~4095;

    public static long BytesFor(int size) => HeaderBytes(size) + ((long)Slots * SlotBytes);

    private int* Bell(int rank) => (int*)(_memory + BellsAt + (rank * CacheLine));

    /// <summary>Tells a rank of this node to look again.</summary>
    public void Ring(int rank) => MpiDoorbell.Ring(Bell(rank));

    /// <summary>Whether this rank is the first of its node to ask: the one that says why the job ends.</summary>
    public bool FirstToFail() => Interlocked.Exchange(ref *(int*)(_memory + FailedAt), 1) == 0;

    /// <summary>The cores that the ranks of this node may run on, all together. Right once every rank has come this far.</summary>
    public int Cores
    {
        get
        {
            int cores = 0;
            foreach (ulong set in new ReadOnlySpan<ulong>(_memory + CoresAt, CoreBytes / sizeof(ulong))) cores += BitOperations.PopCount(set);
            return Math.Max(1, cores);
        }
    }

    /// <summary>Waits, asleep, until so few ranks of the node compute that <paramref name="threads"/> more find a core each,
    /// and takes a turn. One rank at least has one.</summary>
    public void TakeTurn(int threads)
    {
        const int longestMicroseconds = 100_000;
        int turns = Math.Max(1, Cores / threads);
        int* taken = (int*)(_memory + TurnsAt);
        while (true)
        {
            int now = Volatile.Read(ref *taken);
            if (now >= turns) LibC.WaitOn(taken, now, longestMicroseconds);
            else if (Interlocked.CompareExchange(ref *taken, now + 1, now) == now) return;
        }
    }

    public void GiveTurn()
    {
        int* taken = (int*)(_memory + TurnsAt);
        Interlocked.Decrement(ref *taken);
        LibC.Wake(taken);
    }

    /// <summary>Gives bytes to all other ranks of the node, which call <see cref="Read"/> with as many.</summary>
    public void Write(byte* bytes, long length)
    {
        ref long sequence = ref *(long*)(_memory + SequenceAt);
        if (_size == 1) return;
        bool told = true;
        for (long at = 0; at < length; at += SlotBytes)
        {
            int slot = (int)(_next % Slots);
            SlotState* state = State(slot);
            if (Volatile.Read(ref state->Readers) != 0)
            {
                RingOthers();
                Patience patience = default;
                while (true)
                {
                    int rings = _bell.Rings;
                    if (Volatile.Read(ref state->Readers) == 0) break;
                    _bell.Wait(rings, ref patience);
                }
            }
            long count = Math.Min(SlotBytes, length - at);
            Buffer.MemoryCopy(bytes + at, _slots + ((long)slot * SlotBytes), SlotBytes, count);
            state->Writer = _rank;
            state->Readers = _size - 1;
            Volatile.Write(ref sequence, ++_next);
            told = false;
        }
        // One ring for all that fits: a rank that wakes for each chunk costs a change of process for each.
        if (!told) RingOthers();
    }

    /// <summary>Takes the bytes that another rank of the node writes.</summary>
    public void Read(byte* bytes, long length)
    {
        ref long sequence = ref *(long*)(_memory + SequenceAt);
        for (long at = 0; at < length; at += SlotBytes)
        {
            int slot = (int)(_next % Slots);
            SlotState* state = State(slot);
            long next = _next;
            Patience patience = default;
            while (true)
            {
                int rings = _bell.Rings;
                if (Volatile.Read(ref sequence) > next) break;
                _bell.Wait(rings, ref patience);
            }
            long count = Math.Min(SlotBytes, length - at);
            Buffer.MemoryCopy(_slots + ((long)slot * SlotBytes), bytes + at, count, count);
            _next++;
            int writer = state->Writer;
            if (Interlocked.Decrement(ref state->Readers) == 0) Ring(writer);
        }
    }

    private void RingOthers()
    {
        for (int rank = 0; rank < _size; rank++)
            if (rank != _rank) Ring(rank);
    }

    public void Dispose() => _shared.Dispose();

    private SlotState* State(int slot) => (SlotState*)(_memory + SlotStatesAt + (slot * CacheLine));

    private struct SlotState
    {
        public int Readers;
        public int Writer;
    }
}

/// <summary>A doorbell in memory that the ranks of a node share: a count of rings, and whether its owner is asleep.</summary>
internal sealed unsafe class MpiDoorbell(int* word) : Doorbell
{
    /// <summary>A rank that hears no bell for this long looks anyway. Few microseconds where messages come that ring none.</summary>
    public int LongestMicroseconds { get; set; } = 100;

    /// <summary>How often this rank gives way to others before it sleeps.</summary>
    public int Yields { get; set; } = 3;

    /// <summary>Done before each sleep; returns whether there is something to look at instead.</summary>
    public required Func<bool> MoveOn { get; set; }

    public override int Rings => Volatile.Read(ref *word);

    public override void Wait(int rings, ref Patience patience)
    {
        if (MoveOn()) return;
        int microseconds = patience.Next(Yields, LongestMicroseconds);
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

namespace Detox.Mpi.Messaging;

/// <summary>What the ranks of one in-process communicator share: a board on which each shows where its values are, a
/// barrier, and a mailbox for each rank.</summary>
internal sealed unsafe class InProcessTeam
{
    private readonly InProcessDoorbell _turnstile;
    private readonly List<Memory<byte>[]> _boards = [];
    private int _come;
    private int _round;
    private int _copying;

    /// <param name="bells">The doorbell of each rank: a thread has one, whatever communicators it is in.</param>
    /// <param name="nodes">The node of each rank.</param>
    public InProcessTeam(InProcessWorld world, InProcessDoorbell[] bells, int[] nodes)
    {
        World = world;
        Bells = bells;
        Nodes = nodes;
        _turnstile = world.NewBell();
        Board = new Notice[bells.Length];
        Handover = new InProcessTeam?[bells.Length];
        Mailboxes = [.. bells.Select(bell => new InProcessMailbox(bell))];
    }

    public InProcessWorld World { get; }

    public InProcessDoorbell[] Bells { get; }

    public int[] Nodes { get; }

    public InProcessMailbox[] Mailboxes { get; }

    public Notice[] Board { get; }

    /// <summary>The boards of one opening: every rank comes with its own count of openings.</summary>
    public Memory<byte>[] Boards(int opening)
    {
        lock (_boards)
        {
            while (_boards.Count <= opening) _boards.Add(new Memory<byte>[Size]);
            return _boards[opening];
        }
    }

    /// <summary>Where the first rank of a new communicator leaves it for the others.</summary>
    public InProcessTeam?[] Handover { get; }

    public int Size => Bells.Length;

    /// <summary>Returns when all ranks have come.</summary>
    public void Barrier()
    {
        int round = Volatile.Read(ref _round);
        if (Interlocked.Increment(ref _come) == Size)
        {
            _come = 0;
            Volatile.Write(ref _round, round + 1);
            _turnstile.Ring();
            return;
        }
        Patience patience = default;
        while (true)
        {
            int rings = _turnstile.Rings;
            if (Volatile.Read(ref _round) != round) return;
            try
            {
                _turnstile.Wait(rings, ref patience);
            }
            catch (OperationCanceledException)
            {
                // This rank's values are about to go; whoever copies them now must end first, and none begins any more.
                while (Volatile.Read(ref _copying) > 0) Thread.Sleep(0);
                throw;
            }
        }
    }

    /// <summary>Copies what another rank shows.</summary>
    public void Copy(int from, byte* to, long length)
    {
        Interlocked.Increment(ref _copying);
        try
        {
            World.ThrowIfFailed();
            Buffer.MemoryCopy(Board[from].Bytes, to, length, length);
        }
        finally
        {
            Interlocked.Decrement(ref _copying);
        }
    }

    /// <summary>Shows where this rank's bytes are and waits until all ranks have shown theirs.</summary>
    /// <exception cref="InvalidOperationException">The ranks are in different operations.</exception>
    public void Show(int rank, Notice notice)
    {
        Board[rank] = notice;
        Barrier();
        Notice first = Board[0];
        if (notice.Operation != first.Operation || notice.Root != first.Root || notice.Length != first.Length)
        {
            throw new InvalidOperationException(
                $"rank {rank} is in {notice.Operation} (root {notice.Root}, {notice.Length} bytes), and rank 0 in {first.Operation} (root {first.Root}, {first.Length} bytes)");
        }
    }
}

/// <summary>What a rank shows to the others in a collective operation.</summary>
internal readonly unsafe struct Notice(string operation, int root, byte* bytes, long length)
{
    public string Operation { get; } = operation;

    public int Root { get; } = root;

    public byte* Bytes { get; } = bytes;

    public long Length { get; } = length;
}

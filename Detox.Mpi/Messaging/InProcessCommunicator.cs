using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>A communicator of threads. Values are copied once, from the sender's span to the receiver's.</summary>
internal sealed unsafe class InProcessCommunicator(InProcessTeam team, int rank) : Communicator
{
    /// <summary>What runs say of it.</summary>
    public const string Name = "threads of one process";

    private int _openings;

    public override int Rank { get; } = rank;

    public override int Size => team.Size;

    public override string Description => Name;

    public override IReadOnlyList<int> Nodes => team.Nodes;

    /// <summary>Messages sent to this rank that it has not received.</summary>
    internal int Held => team.Mailboxes[Rank].Held;

    /// <summary>One: how many ranks of a process compute at a time is not its ranks' affair.</summary>
    public override int OwnCores => 1;

    public override int NodeCores => Environment.ProcessorCount;

    internal InProcessDoorbell OwnBell => team.Bells[Rank];

    private protected override Doorbell Bell => OwnBell;

    public override Communicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        (int Color, int Key)[] all = new (int, int)[Size];
        Allgather([(color, key)], all.AsSpan());
        int[] members = [.. Enumerable.Range(0, Size).Where(rank => all[rank].Color == color).OrderBy(rank => all[rank].Key)];
        if (members[0] == Rank)
            team.Handover[Rank] = new InProcessTeam(team.World, [.. members.Select(rank => team.Bells[rank])], [.. members.Select(rank => Nodes[rank])]);
        team.Barrier();
        InProcessTeam part = team.Handover[members[0]]!;
        team.Barrier();
        return new InProcessCommunicator(part, Array.IndexOf(members, Rank));
    }

    public override void Barrier() => team.Barrier();

    public override void Broadcast<T>(Span<T> values, int root)
    {
        CheckRank(root, nameof(root));
        fixed (T* pointer = values)
        {
            long length = (long)values.Length * sizeof(T);
            team.Show(Rank, new Notice(nameof(Broadcast), root, (byte*)pointer, length));
            if (Rank != root) team.Copy(root, (byte*)pointer, length);
            team.Barrier();
        }
    }

    public override void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root)
    {
        CheckRank(root, nameof(root));
        if (Rank == root) CheckGathered(values.Length, gathered.Length);
        Collect(nameof(Gather), values, Rank == root ? gathered : [], root);
    }

    public override void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered)
    {
        CheckGathered(values.Length, gathered.Length);
        Collect(nameof(Allgather), values, gathered, 0);
    }

    private void Collect<T>(string operation, ReadOnlySpan<T> values, Span<T> gathered, int root)
        where T : unmanaged
    {
        fixed (T* own = values, all = gathered)
        {
            long length = (long)values.Length * sizeof(T);
            team.Show(Rank, new Notice(operation, root, (byte*)own, length));
            for (int rank = 0; rank < Size && gathered.Length > 0; rank++)
                team.Copy(rank, (byte*)all + (rank * length), length);
            team.Barrier();
        }
    }

    public override void Allreduce(Span<long> values, Reduction reduction)
    {
        long[] all = new long[Size * values.Length];
        Allgather(values, all);
        if (values.Length > 0) Reduce(values, all, reduction);
    }

    public override void Send<T>(ReadOnlySpan<T> values, int destination, int tag)
    {
        CheckPeer(destination, tag, nameof(destination));
        fixed (T* pointer = values)
        {
            InProcessMessage message = new(OwnBell, (byte*)pointer, (long)values.Length * sizeof(T), Rank, tag);
            team.Mailboxes[destination].Send(message);
            Await(message, team.Mailboxes[destination]);
        }
    }

    public override int Receive<T>(Span<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        fixed (T* pointer = values)
        {
            InProcessMessage message = new(OwnBell, (byte*)pointer, (long)values.Length * sizeof(T), source, tag);
            team.Mailboxes[Rank].Receive(message);
            Await(message, team.Mailboxes[Rank]);
            if (message.TooLong) throw TooLong(message);
            return checked((int)(message.Moved / sizeof(T)));
        }
    }

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
    {
        CheckPeer(destination, tag, nameof(destination));
        MemoryHandle pin = values.Pin();
        InProcessMessage message = new(OwnBell, (byte*)pin.Pointer, (long)values.Length * sizeof(T), Rank, tag, pin);
        team.Mailboxes[destination].Send(message, quietly);
        return new InProcessRequest(this, message, 0);
    }

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        MemoryHandle pin = values.Pin();
        InProcessMessage message = new(OwnBell, (byte*)pin.Pointer, (long)values.Length * sizeof(T), source, tag, pin);
        team.Mailboxes[Rank].Receive(message);
        return new InProcessRequest(this, message, sizeof(T));
    }

    public override bool Probe(int source, int tag, out int sender, out long bytes)
    {
        if (source != AnyRank) CheckPeer(source, tag, nameof(source));
        return team.Mailboxes[Rank].Probe(source, tag, out sender, out bytes, out _);
    }

    public override nint SentFrom(int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        team.Mailboxes[Rank].Probe(source, tag, out _, out _, out nint from);
        return from;
    }

    public override Request Drop(int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        InProcessMessage message = new(OwnBell, null, 0, source, tag, default(MemoryHandle));
        team.Mailboxes[Rank].Receive(message);

        // Of no values: nothing is too long to be dropped.
        return new InProcessRequest(this, message, 0);
    }

    public override Boards OpenBoards(long bytes, bool writes)
    {
        Memory<byte>[] boards = team.Boards(_openings++);
        if (writes) boards[Rank] = AtCacheLine(checked((int)bytes));
        team.Barrier();
        return new InProcessBoards(boards, Rank, Nodes);
    }

    public override void Withdraw()
    {
        foreach (InProcessMailbox mailbox in team.Mailboxes) mailbox.Withdraw(OwnBell);
    }

    /// <summary>Threads cannot be ended from outside: their waits end.</summary>
    public override void EndWithout(IReadOnlyList<int> ranks, int exitCode) => team.World.End();

    private static Memory<byte> AtCacheLine(int bytes)
    {
        const int line = 64;
        byte[] memory = GC.AllocateArray<byte>(bytes + line - 1, pinned: true);
        int past = (int)((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory)) & (line - 1));
        return memory.AsMemory((line - past) % line, bytes);
    }

    private void Await(InProcessMessage message, InProcessMailbox mailbox)
    {
        Patience patience = default;
        while (true)
        {
            int rings = OwnBell.Rings;
            if (message.Done) return;
            try
            {
                OwnBell.Wait(rings, ref patience);
            }
            catch (OperationCanceledException)
            {
                mailbox.Withdraw(message);
                throw;
            }
        }
    }

    internal DetoxException TooLong(InProcessMessage message) => MpiTransfer.TooLong(Rank, message.Source, message.Tag, message.Length);

    /// <summary>Ends this rank's body; <see cref="InProcessWorld.Run"/> then throws a <see cref="JobAbortedException"/>.</summary>
    public override void Abort(int exitCode)
    {
        JobAbortedException abort = new(exitCode);
        team.World.Fail(abort);
        throw abort;
    }

    public override void Dispose()
    {
    }
}

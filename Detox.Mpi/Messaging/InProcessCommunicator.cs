using System.Buffers;

namespace Detox.Mpi.Messaging;

/// <summary>A communicator of threads. Values are copied once, from the sender's span to the receiver's.</summary>
internal sealed unsafe class InProcessCommunicator(InProcessTeam team, int rank) : Communicator
{
    public override int Rank { get; } = rank;

    public override int Size => team.Size;

    public override string Description => "threads of one process";

    internal InProcessDoorbell Bell => team.Bells[Rank];

    public override Communicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        (int Color, int Key)[] all = new (int, int)[Size];
        Allgather([(color, key)], all.AsSpan());
        int[] members = [.. Enumerable.Range(0, Size).Where(rank => all[rank].Color == color).OrderBy(rank => all[rank].Key)];
        if (members[0] == Rank) team.Handover[Rank] = new InProcessTeam(team.World, [.. members.Select(rank => team.Bells[rank])]);
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
            InProcessMessage message = new(Bell, (byte*)pointer, (long)values.Length * sizeof(T), Rank, tag);
            team.Mailboxes[destination].Send(message);
            Await(message, team.Mailboxes[destination]);
        }
    }

    public override int Receive<T>(Span<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        fixed (T* pointer = values)
        {
            InProcessMessage message = new(Bell, (byte*)pointer, (long)values.Length * sizeof(T), source, tag);
            team.Mailboxes[Rank].Receive(message);
            Await(message, team.Mailboxes[Rank]);
            CheckRoom(message, sizeof(T));
            return checked((int)(message.Moved / sizeof(T)));
        }
    }

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag)
    {
        CheckPeer(destination, tag, nameof(destination));
        MemoryHandle pin = values.Pin();
        InProcessMessage message = new(Bell, (byte*)pin.Pointer, (long)values.Length * sizeof(T), Rank, tag);
        team.Mailboxes[destination].Send(message);
        return new InProcessRequest(this, message, pin, 0);
    }

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        MemoryHandle pin = values.Pin();
        InProcessMessage message = new(Bell, (byte*)pin.Pointer, (long)values.Length * sizeof(T), source, tag);
        team.Mailboxes[Rank].Receive(message);
        return new InProcessRequest(this, message, pin, sizeof(T));
    }

    private void Await(InProcessMessage message, InProcessMailbox mailbox)
    {
        Patience patience = default;
        while (true)
        {
            int rings = Bell.Rings;
            if (message.Done) return;
            try
            {
                Bell.Wait(rings, ref patience);
            }
            catch (OperationCanceledException)
            {
                mailbox.Withdraw(message);
                throw;
            }
        }
    }

    /// <param name="valueSize">0 for a send, which cannot be too long.</param>
    internal void CheckRoom(InProcessMessage message, int valueSize)
    {
        if (valueSize > 0 && message.TooLong) throw MpiTransfer.TooLong(Rank, message.Source, message.Tag, message.Length);
    }

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

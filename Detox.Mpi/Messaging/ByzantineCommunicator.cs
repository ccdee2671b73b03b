using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>Decides what becomes of the messages of a rank that an experiment lets misbehave.</summary>
internal interface ITamperer
{
    /// <summary>Sends a message, or others, or none; the request is the sender's.</summary>
    Request Send(Outgoing message);

    /// <summary>A message has been received.</summary>
    void Received(int source, int tag, ReadOnlySpan<byte> bytes);
}

/// <summary>A message that a rank is about to send.</summary>
internal sealed class Outgoing(ByzantineCommunicator sender, ReadOnlyMemory<byte> bytes, int destination, int tag, Func<Request> pass)
{
    private static readonly Request _nothing = new CompletedRequest();

    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    public int Destination { get; } = destination;

    public int Tag { get; } = tag;

    public int Source => sender.Rank;

    /// <summary>Sends it as it is.</summary>
    public Request Pass() => pass();

    /// <summary>Sends other bytes in its place.</summary>
    public Request Replace(byte[] bytes)
    {
        Also(bytes);
        return _nothing;
    }

    /// <summary>Sends further bytes to the same rank.</summary>
    public void Also(byte[] bytes) => Also(bytes, Destination, Tag);

    /// <summary>Sends further bytes to any rank.</summary>
    public void Also(byte[] bytes, int destination, int tag) => sender.SendAside(bytes, destination, tag);

    /// <summary>How many ranks there are.</summary>
    public int Ranks => sender.Size;

    /// <summary>Sends nothing, and lets the sender believe that it did.</summary>
    public Request Swallow() => _nothing;

    /// <summary>The boards that this rank has opened, in their order.</summary>
    public IReadOnlyList<Boards> Boards => sender.Boards;

    /// <summary>Whether this rank is a process that may end without ending the trusted one.</summary>
    public bool IsOwnProcess => sender.IsOwnProcess;

    private sealed class CompletedRequest : Request
    {
        public override bool IsTooLong => false;

        public override int Values => 0;

        private protected override Doorbell Bell => throw new InvalidOperationException("this request has always been complete");

        public override bool Test() => true;

        private protected override DetoxException TooLong() => throw new InvalidOperationException("nothing was received");
    }
}

/// <summary>A communicator whose messages somebody tampers with before they leave.</summary>
internal sealed class ByzantineCommunicator(Communicator inner, ITamperer tamperer) : Communicator
{
    private readonly List<Request> _aside = [];
    private readonly List<Boards> _boards = [];

    public override int Rank => inner.Rank;

    public override int Size => inner.Size;

    public override string Description => inner.Description;

    public override IReadOnlyList<int> Nodes => inner.Nodes;

    public override int OwnCores => inner.OwnCores;

    public override int NodeCores => inner.NodeCores;

    public override bool IsCrowded => inner.IsCrowded;

    public IReadOnlyList<Boards> Boards => _boards;

    public bool IsOwnProcess => inner is MpiCommunicator && Rank != 0;

    private protected override Doorbell Bell => BellOf(inner);

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
    {
        // A copy for whoever tampers: messages of an experiment's attackers may cost what they like.
        byte[] bytes = MemoryMarshal.AsBytes(values.Span).ToArray();
        return tamperer.Send(new Outgoing(this, bytes, destination, tag, () => inner.ImmediateSend(values, destination, tag, quietly)));
    }

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
        => new WatchedRequest<T>(inner.ImmediateReceive(values, source, tag), values, source, tag, tamperer);

    /// <summary>Sends bytes that nobody waits for.</summary>
    public void SendAside(byte[] bytes, int destination, int tag)
    {
        _aside.RemoveAll(request => request.Test());
        _aside.Add(inner.ImmediateSend<byte>(bytes, destination, tag));
    }

    public override Boards OpenBoards(long bytes, bool writes)
    {
        Boards boards = inner.OpenBoards(bytes, writes);
        _boards.Add(boards);
        return boards;
    }

    public override bool Probe(int source, int tag, out int sender, out long bytes) => inner.Probe(source, tag, out sender, out bytes);

    public override Request Drop(int source, int tag) => inner.Drop(source, tag);

    public override Communicator Split(int color, int key) => inner.Split(color, key);

    public override void Barrier() => inner.Barrier();

    public override void Broadcast<T>(Span<T> values, int root) => inner.Broadcast(values, root);

    public override void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root) => inner.Gather(values, gathered, root);

    public override void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered) => inner.Allgather(values, gathered);

    public override void Allreduce(Span<long> values, Reduction reduction) => inner.Allreduce(values, reduction);

    public override void Send<T>(ReadOnlySpan<T> values, int destination, int tag) => inner.Send(values, destination, tag);

    public override int Receive<T>(Span<T> values, int source, int tag) => inner.Receive(values, source, tag);

    public override void TakeTurn(int threads) => inner.TakeTurn(threads);

    public override void GiveTurn() => inner.GiveTurn();

    public override void Withdraw() => inner.Withdraw();

    public override void Abort(int exitCode) => inner.Abort(exitCode);

    /// <summary>The ranks' communicator is its owner's to end.</summary>
    public override void Dispose()
    {
    }

    private sealed class WatchedRequest<T>(Request inner, Memory<T> values, int source, int tag, ITamperer tamperer) : Request
        where T : unmanaged
    {
        private bool _isSeen;

        public override bool IsTooLong => inner.IsTooLong;

        public override int Values => inner.Values;

        private protected override Doorbell Bell => BellOf(inner);

        public override bool Test()
        {
            if (!inner.Test()) return false;
            if (!_isSeen && !inner.IsTooLong)
                tamperer.Received(source, tag, MemoryMarshal.AsBytes(values.Span[..inner.Values]));
            return _isSeen = true;
        }

        private protected override DetoxException TooLong() => TooLongOf(inner);
    }
}

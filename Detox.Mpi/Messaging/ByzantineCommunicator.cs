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
internal sealed class ByzantineCommunicator(Communicator inner, ITamperer tamperer) : ForwardingCommunicator(inner)
{
    private readonly List<Request> _aside = [];
    private readonly List<Boards> _boards = [];

    public IReadOnlyList<Boards> Boards => _boards;

    public bool IsOwnProcess => Inner is MpiCommunicator && Rank != 0;

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
    {
        // A copy for whoever tampers: messages of an experiment's attackers may cost what they like.
        byte[] bytes = MemoryMarshal.AsBytes(values.Span).ToArray();
        return tamperer.Send(new Outgoing(this, bytes, destination, tag, () => Inner.ImmediateSend(values, destination, tag, quietly)));
    }

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
        => new WatchedRequest<T>(Inner.ImmediateReceive(values, source, tag), values, source, tag, tamperer);

    /// <summary>Sends bytes that nobody waits for.</summary>
    public void SendAside(byte[] bytes, int destination, int tag)
    {
        _aside.RemoveAll(request => request.Test());
        _aside.Add(Inner.ImmediateSend<byte>(bytes, destination, tag));
    }

    public override Boards OpenBoards(long bytes, bool writes)
    {
        Boards boards = Inner.OpenBoards(bytes, writes);
        _boards.Add(boards);
        return boards;
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

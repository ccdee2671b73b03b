using System.Buffers;

namespace Detox.Mpi.Messaging;

/// <summary>The messages for one rank of an in-process communicator: sent and not yet received, or awaited and not yet sent.</summary>
/// <remarks>Whoever comes second copies, from the sender's memory to the receiver's, outside the lock.</remarks>
internal sealed unsafe class InProcessMailbox(InProcessDoorbell owner)
{
    private readonly Lock _lock = new();
    private readonly List<InProcessMessage> _sent = [];
    private readonly List<InProcessMessage> _awaited = [];
    private readonly List<InProcessMessage> _moving = [];

    /// <summary>Messages that have been sent and not received.</summary>
    public int Held
    {
        get
        {
            lock (_lock) return _sent.Count;
        }
    }

    public void Send(InProcessMessage message, bool quietly = false)
    {
        InProcessMessage? receiver;
        lock (_lock)
        {
            receiver = TakeFirst(_awaited, message);
            if (receiver is null) _sent.Add(message);
            else Begin(message, receiver);
        }
        if (receiver is not null) Deliver(message, receiver);
        // A receiver that has not come yet is not asleep on this, but one that waits for any of several messages may be.
        if (!quietly) owner.Ring();
    }

    /// <summary>Whether a message has been sent and not received: the oldest one, of a rank or of any; where its memory begins.</summary>
    public bool Probe(int source, int tag, out int sender, out long bytes, out nint from)
    {
        lock (_lock)
        {
            foreach (InProcessMessage message in _sent)
            {
                if (message.Tag != tag || (source != Communicator.AnyRank && message.Source != source)) continue;
                (sender, bytes, from) = (message.Source, message.Length, (nint)message.Bytes);
                return true;
            }
        }

        (sender, bytes, from) = (-1, 0, 0);
        return false;
    }

    public void Receive(InProcessMessage message)
    {
        InProcessMessage? sender;
        lock (_lock)
        {
            sender = TakeFirst(_sent, message);
            if (sender is null) _awaited.Add(message);
            else Begin(sender, message);
        }
        if (sender is not null) Deliver(sender, message);
    }

    /// <summary>Takes back a message whose memory is about to go; where it is being copied, waits for that.</summary>
    public void Withdraw(InProcessMessage message)
    {
        lock (_lock)
        {
            if (_sent.Remove(message) || _awaited.Remove(message)) return;
        }
        while (!message.Done) Thread.Sleep(0);
    }

    /// <summary>Takes back all messages of a rank's; where one is being copied, waits for that.</summary>
    public void Withdraw(InProcessDoorbell bell)
    {
        List<InProcessMessage> moving;
        lock (_lock)
        {
            Withdraw(_sent, bell);
            Withdraw(_awaited, bell);
            moving = [.. _moving.Where(message => message.Bell == bell)];
        }

        foreach (InProcessMessage message in moving)
            while (!message.Done) Thread.Sleep(0);
    }

    private static void Withdraw(List<InProcessMessage> messages, InProcessDoorbell bell)
    {
        foreach (InProcessMessage message in messages)
            if (message.Bell == bell) message.Unpin();
        messages.RemoveAll(message => message.Bell == bell);
    }

    private static InProcessMessage? TakeFirst(List<InProcessMessage> messages, InProcessMessage match)
    {
        for (int i = 0; i < messages.Count; i++)
        {
            InProcessMessage message = messages[i];
            if (message.Source != match.Source || message.Tag != match.Tag) continue;
            messages.RemoveAt(i);
            return message;
        }
        return null;
    }

    private void Begin(InProcessMessage sent, InProcessMessage awaited)
    {
        _moving.Add(sent);
        _moving.Add(awaited);
    }

    private void Deliver(InProcessMessage sent, InProcessMessage awaited)
    {
        awaited.TooLong = sent.Length > awaited.Length;
        if (!awaited.TooLong)
        {
            if (sent.Bytes != awaited.Bytes) Buffer.MemoryCopy(sent.Bytes, awaited.Bytes, awaited.Length, sent.Length);
            awaited.Moved = sent.Length;
        }
        lock (_lock)
        {
            _moving.Remove(sent);
            _moving.Remove(awaited);
        }

        sent.Complete();
        awaited.Complete();
    }
}

/// <summary>One end of a message.</summary>
/// <param name="pin">What keeps the bytes where they are until the message is complete or withdrawn, if something has to.</param>
internal sealed unsafe class InProcessMessage(InProcessDoorbell bell, byte* bytes, long length, int source, int tag, MemoryHandle pin = default)
{
    private MemoryHandle _pin = pin;
    private bool _done;

    /// <summary>The doorbell of the rank whose end this is.</summary>
    public InProcessDoorbell Bell => bell;

    public byte* Bytes { get; } = bytes;

    /// <summary>The bytes sent, or the room for them.</summary>
    public long Length { get; } = length;

    public int Source { get; } = source;

    public int Tag { get; } = tag;

    public long Moved { get; set; }

    public bool TooLong { get; set; }

    public bool Done => Volatile.Read(ref _done);

    /// <summary>Nobody will read or write the bytes any more: they need not stay where they are.</summary>
    public void Unpin() => _pin.Dispose();

    /// <summary>Wakes the rank whose end this is.</summary>
    public void Complete()
    {
        Unpin();
        Volatile.Write(ref _done, true);
        bell.Ring();
    }
}

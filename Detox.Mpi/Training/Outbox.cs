using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>Short messages on their way to one rank: a few at a time, since a rank that takes none of them must hold up nobody.</summary>
internal sealed class Outbox<T>(Communicator world, int destination, int tag, int room = 8)
    where T : unmanaged
{
    private readonly T[][] _messages = [.. Enumerable.Range(0, room).Select(_ => new T[1])];
    private readonly Request?[] _sends = new Request?[room];
    private int _next;

    /// <summary>Whether all that was sent is taken.</summary>
    public bool IsTaken => Array.TrueForAll(_sends, send => send?.Test() != false);

    /// <summary>Starts to send; false where the rank has taken none of the last messages, so that this one is not sent.</summary>
    public bool TrySend(in T message)
    {
        if (_sends[_next]?.Test() == false) return false;
        _messages[_next][0] = message;
        _sends[_next] = world.ImmediateSend<T>(_messages[_next], destination, tag);
        _next = (_next + 1) % room;
        return true;
    }

    /// <summary>Waits for room and starts to send.</summary>
    public void Send(in T message)
    {
        _sends[_next]?.Wait();
        TrySend(message);
    }
}

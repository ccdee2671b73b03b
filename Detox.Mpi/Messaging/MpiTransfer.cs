namespace Detox.Mpi.Messaging;

/// <summary>One message on its way, in pieces where it is long: full ones, then one that is not full and may be empty.
/// So a receiver knows the end without knowing the length.</summary>
/// <remarks>Pieces of one source and tag must not mix: while a message of several pieces is being received, nothing else
/// may be received from that rank with that tag.</remarks>
internal unsafe struct MpiTransfer
{
    /// <summary>A longer message is fetched by its receiver, and its sender wants to hear when that is done.</summary>
    private const int FetchedBytes = 2048;

    private MpiCommunicator? _communicator;
    private byte* _bytes;
    private long _left;
    private nint _request;
    private int _posted;
    private int _peer;
    private int _tag;
    private bool _sends;
    private bool _quietly;

    /// <summary>Whether the message was longer than the room for it, and is lost.</summary>
    public bool IsTooLong { get; private set; }

    /// <summary>The bytes sent or received so far.</summary>
    public long Moved { get; private set; }

    /// <summary>Whether whoever waits must look at this message, even if it waits for another one first: to start the next
    /// piece, or to tell the sender that it was fetched.</summary>
    public readonly bool NeedsLooks
        => _communicator is not null
        && (_posted == _communicator.Process.PieceBytes || (!_sends && _posted > FetchedBytes && _communicator.IsNeighbour(_peer)));

    public void Send(MpiCommunicator communicator, byte* bytes, long length, int destination, int tag, bool quietly = false)
    {
        _quietly = quietly;
        Start(communicator, bytes, length, destination, tag, sends: true);
    }

    public void Receive(MpiCommunicator communicator, byte* bytes, long room, int source, int tag)
        => Start(communicator, bytes, room, source, tag, sends: false);

    private void Start(MpiCommunicator communicator, byte* bytes, long length, int peer, int tag, bool sends)
    {
        _communicator = communicator;
        _bytes = bytes;
        _left = length;
        _peer = peer;
        _tag = tag;
        _sends = sends;
        Moved = 0;
        IsTooLong = false;
        if (sends && !communicator.IsNeighbour(peer)) communicator.Process.Count(+1);
        Post();
    }

    private void Post()
    {
        MpiCommunicator communicator = _communicator!;
        _posted = (int)Math.Min(communicator.Process.PieceBytes, _left);
        if (!_sends)
        {
            _request = communicator.StartReceive(_bytes, _posted, _peer, _tag);
            return;
        }
        _request = communicator.StartSend(_bytes, _posted, _peer, _tag);
        if (!_quietly) communicator.Ring(_peer);
    }

    /// <summary>Whether the whole message has gone or come; starts the next piece where it has not.</summary>
    public bool Test()
    {
        if (_communicator is null) return true;
        while (HasMoved(out int count))
        {
            if (IsTooLong)
            {
                _communicator.Ring(_peer);
                _communicator = null;
                return true;
            }

            _bytes += count;
            _left -= count;
            Moved += count;
            if (!_sends && (count > FetchedBytes || count == _communicator.Process.PieceBytes)) _communicator.Ring(_peer);
            if (count == _communicator.Process.PieceBytes)
            {
                Post();
                continue;
            }

            if (_sends && !_communicator.IsNeighbour(_peer)) _communicator.Process.Count(-1);
            _communicator = null;
            return true;
        }

        // A library that cannot fetch from a neighbour's memory needs its sender awake, who sleeps until it is asked for.
        if (!_sends && _posted > FetchedBytes) _communicator.Ring(_peer);
        return false;
    }

    private bool HasMoved(out int count)
    {
        if (!_communicator!.Process.Library.Test(ref _request, out count, out bool tooLong)) return false;
        IsTooLong = tooLong;
        if (_sends) count = _posted;
        return true;
    }

    /// <summary>Waits for all of them.</summary>
    /// <exception cref="DetoxException">A message is longer than the room for it.</exception>
    public static void Wait(MpiProcess process, Span<MpiTransfer> transfers)
    {
        Patience patience = default;
        int done = 0;
        while (true)
        {
            int rings = process.Bell.Rings;
            while (done < transfers.Length && transfers[done].Test())
            {
                if (transfers[done].IsTooLong) throw transfers[done].TooLong(process.Library.Rank(process.Library.World));
                done++;
            }

            if (done == transfers.Length) return;
            for (int i = done + 1; i < transfers.Length; i++)
                if (transfers[i].NeedsLooks) transfers[i].Test();
            process.Bell.Wait(rings, ref patience);
        }
    }

    public readonly DetoxException TooLong(int rank) => TooLong(rank, _peer, _tag, Moved + _left);

    public static DetoxException TooLong(int rank, int source, int tag, long room)
        => new(ExitCode.Unexpected, $"rank {rank} expected at most {room} bytes from rank {source} (tag {tag}) and was sent more: the two ranks do not agree on what is sent");
}

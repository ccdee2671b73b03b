using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>What has come of a step's weights from one rank.</summary>
internal enum WeightsArrival
{
    /// <summary>Not all that was promised yet.</summary>
    Awaited,

    /// <summary>All of it, and every piece is the right one.</summary>
    Whole,

    /// <summary>A piece of the step that is not the one that rank 0 promised.</summary>
    Wrong,
}

/// <summary>The messages with a step's weights, as they come from whoever carries them. Each piece is checked before anybody sees it.</summary>
/// <remarks>Only what a probe has measured is received. Pieces come in their order, a few at a time; messages of other steps, lengths and kinds are passed over.</remarks>
/// <param name="taken">Called once with each right piece.</param>
internal sealed class WeightsInbox(Communicator world, WeightsPieces pieces, Action<int> taken)
{
    /// <summary>The next pieces are on their way while one is checked.</summary>
    private const int MostAtATime = 4;

    private readonly bool[] _isHere = new bool[pieces.Count];
    private readonly bool[] _isComing = new bool[pieces.Count];
    private readonly List<Arrival> _arrivals = [];
    private long _step = -1;
    private Ballot _root;
    private int _left;

    /// <summary>What comes next are the weights of a step, whose root rank 0 has told.</summary>
    public void Expect(long step, Ballot root)
    {
        (_step, _root, _left) = (step, root, pieces.Count);
        Array.Clear(_isHere);
        Array.Clear(_isComing);
        if (IsStillWritten(step)) pieces.Renew(step, []);
    }

    /// <summary>Nothing is taken any more of what is on its way: another rank sends the weights from here on, of which some pieces may be here.</summary>
    public void TurnToAnother()
    {
        Array.Clear(_isComing);
        if (IsStillWritten(_step)) pieces.Renew(_step, _isHere);
    }

    /// <summary>Takes what has come from a rank.</summary>
    public WeightsArrival Look(int source)
    {
        while (_left > 0)
        {
            if (_arrivals.Find(arrival => arrival.Source == source) is { } first && first.Request.Test())
            {
                _arrivals.Remove(first);
                if (!IsCurrent(first)) continue;
                _isComing[first.Piece] = false;
                if (!pieces.IsOf(_step, first.Piece)) continue;
                if (!pieces.IsPromised(_step, first.Piece, _root)) return WeightsArrival.Wrong;
                _isHere[first.Piece] = true;
                _left--;
                taken(first.Piece);
            }
            else if (!Receive(source))
            {
                return WeightsArrival.Awaited;
            }
        }

        return WeightsArrival.Whole;
    }

    /// <summary>Starts to receive the next message of a rank, or drops it; false where there is none, or as many as may come at a time are on their way.</summary>
    private bool Receive(int source)
    {
        if (_arrivals.Count(arrival => arrival.Source == source) >= MostAtATime || !world.Probe(source, Tag.Weights, out _, out long bytes)) return false;
        int piece = 0;
        while (piece < pieces.Count && (_isHere[piece] || _isComing[piece] || pieces.BytesOf(piece) != bytes)) piece++;

        // Nobody has promised a message of this length.
        if (piece == pieces.Count) return world.Drop(source, Tag.Weights).Test();
        _isComing[piece] = true;
        _arrivals.Add(new Arrival(world.ImmediateReceive<byte>(pieces.Message(_step, piece), source, Tag.Weights), source, piece, pieces.Memory(_step)));
        return true;
    }

    private bool IsCurrent(Arrival arrival) => ReferenceEquals(arrival.Memory, pieces.Memory(_step));

    private bool IsStillWritten(long step) => _arrivals.Exists(arrival => ReferenceEquals(arrival.Memory, pieces.Memory(step)));

    private sealed record Arrival(Request Request, int Source, int Piece, byte[] Memory);
}

using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>How a rank comes by the weights of a step: from the rank that rank 0 names, or else from rank 0 itself.</summary>
/// <remarks>Nothing that carries weights is believed. Rank 0 has told the digests; a copy that does not match, or does not come, is asked
/// for at rank 0. A rank that others read from, or that rank 0 gave children on other nodes, passes the right weights on.</remarks>
internal sealed class WeightsTaker
{
    private readonly Communicator _world;
    private readonly ModelWeights _weights;
    private readonly WeightsSlots _slots;
    private readonly SharedCheck? _shared;
    private readonly BallotTree _tree;
    private readonly bool _hostIsDevice;
    private readonly bool _readsInPlace;
    private readonly int[] _readers;
    private readonly WeightsPieces _pieces;
    private readonly WeightsInbox _inbox;
    private readonly Head[] _notice = new Head[1];
    private readonly Head[] _wish = new Head[1];
    private readonly Request?[] _told;
    private readonly List<Request> _passing = [];
    private readonly List<Request> _leftBehind = [];
    private Instruction _proceed;
    private Request? _wishing;
    private bool _isInPlace;
    private WeightsArrival _arrival;

    /// <param name="readers">The ranks of this node that read this rank's slots; none where it passes nothing on.</param>
    /// <param name="shared">That of a process whose threads are the ranks; else null.</param>
    /// <param name="pieces">How weights come from other nodes; null for the usual pieces.</param>
    public WeightsTaker(
        Communicator world, ModelWeights weights, WeightsSlots slots, Device device, int[] readers, SharedCheck? shared = null, WeightsPieces? pieces = null)
    {
        _world = world;
        _weights = weights;
        _slots = slots;
        _shared = shared;
        _hostIsDevice = device.SharesHostMemory;
        _readsInPlace = slots.CanRead(0) && _hostIsDevice;
        View = weights.View;
        _tree = weights.Tree(device);
        _readers = readers;
        _told = new Request?[readers.Length];
        _pieces = pieces ?? new WeightsPieces((int)weights.View.Length);
        _inbox = new WeightsInbox(world, _pieces, TakePiece);
    }

    /// <summary>The weights that were taken last: where rank 0 has written them for its node, or a copy of this rank's own.</summary>
    public View View { get; private set; }

    /// <summary>Whether <see cref="View"/> still shows the weights of the step that they were taken for: a rank that was away for two steps may find
    /// others there. To be asked when they have been read.</summary>
    public bool AreStill(long step) => !_isInPlace || _slots.IsWritten(0, step);

    /// <summary>Takes the weights of the step that rank 0 lets this rank proceed to. Those that it passes on are on their way when it returns.</summary>
    /// <param name="isSuperseded">Whether rank 0 has spoken again meanwhile, so that these weights are no longer wanted.</param>
    /// <returns>Whether this rank has them; else they arrived damaged from rank 0's own hand, or are superseded.</returns>
    public bool Take(in Instruction promised, Func<bool> isSuperseded)
    {
        _proceed = promised;
        _arrival = WeightsArrival.Awaited;
        long step = promised.Head.Step;
        TimeSpan patience = TimeSpan.FromSeconds(promised.PatienceSeconds);
        _inbox.Expect(step, promised.Head.Ballot);

        // What a rank has not taken of an older step is waited for no more.
        _leftBehind.AddRange(_passing);
        _leftBehind.RemoveAll(request => request.Test());
        _passing.Clear();
        bool came = Fetch(promised.Carrier, step, patience);
        if (!came || !IsPromised())
        {
            _wishing?.Wait();
            _wish[0] = new Head { Step = step, Kind = MessageKind.WeightsWanted, Flags = came ? HeadFlags.None : HeadFlags.NothingCame };
            _wishing = _world.ImmediateSend<Head>(_wish, 0, Tag.ToServer);
            _inbox.TurnToAnother();
            bool answered = false;
            _world.Await(() => isSuperseded() || (answered = HasCome(0)), Timeout.InfiniteTimeSpan);
            if (!answered || !IsPromised()) return false;
        }

        PassToNeighbours(step);

        // The ranks behind this one wait for what it sends, and a library sends only while it is called.
        if (promised.ChildCount > 0) _world.Await(() => AreSent() || isSuperseded(), patience);
        return true;
    }

    /// <summary>Waits until no weights are on their way from this rank any more, or the time is over.</summary>
    public void Finish(TimeSpan limit) => _world.Await(() => AreSent() && _leftBehind.TrueForAll(request => request.Test()), limit);

    private bool AreSent() => _passing.TrueForAll(request => request.Test());

    private bool Fetch(int carrier, long step, TimeSpan patience)
    {
        if (!_slots.CanRead(carrier)) return _world.Await(() => HasCome(carrier), patience);

        // What rank 0 itself has written was there before it let anybody proceed.
        if (carrier != 0 && !_world.Await(() => IsOnBoard(carrier, step), patience) && !_slots.IsWritten(carrier, step)) return false;
        if (carrier == 0 && _readsInPlace)
        {
            (View, _isInPlace) = (_slots.AtRoot(step), true);
            return true;
        }

        _slots.Of(carrier, step).CopyTo(_weights.Bytes);
        Send();
        return true;
    }

    /// <summary>The weights that have come are the device's from here on.</summary>
    private void Send()
    {
        _weights.Send();
        (View, _isInPlace) = (_weights.View, false);
    }

    /// <summary>Whether all that a rank sends of the weights, or something that they are not, has come as messages.</summary>
    private bool HasCome(int source)
    {
        _arrival = _inbox.Look(source);
        if (_arrival == WeightsArrival.Whole) Send();
        return _arrival != WeightsArrival.Awaited;
    }

    /// <summary>Whether the word has come that the step's weights are on a rank's board.</summary>
    private bool IsOnBoard(int carrier, long step)
    {
        while (_world.Probe(carrier, Tag.Weights, out _, out long bytes))
        {
            if (bytes != Head.Bytes)
            {
                if (!_world.Drop(carrier, Tag.Weights).Test()) return false;
                continue;
            }

            // It only says when to look: one of an older step may still be here, and then no other one is sent.
            _world.ImmediateReceive<Head>(_notice, carrier, Tag.Weights).Wait();
            if (_slots.IsWritten(carrier, step)) return true;
        }

        return false;
    }

    private bool IsPromised()
    {
        if (_arrival == WeightsArrival.Wrong) return false;
        if (_isInPlace) return _shared?.IsPromised(_slots, _proceed) ?? IsPromised(_slots, _proceed);

        // Messages were compared piece by piece; what a device then has of them is not the host's memory.
        if (_arrival == WeightsArrival.Whole) return _hostIsDevice || _weights.Root(_tree) == _proceed.Head.Ballot;
        return _proceed.Carrier == 0 ? ModelWeights.Xxh128(_weights.Bytes) == _proceed.Xxh128 : _weights.Root(_tree) == _proceed.Head.Ballot;
    }

    /// <summary>Whether rank 0's slot holds what it has promised.</summary>
    internal static bool IsPromised(WeightsSlots slots, in Instruction proceed)
        => slots.IsWritten(0, proceed.Head.Step) && ModelWeights.Xxh128(slots.Of(0, proceed.Head.Step)) == proceed.Xxh128;

    /// <summary>A piece of the right weights is here: others wait for it.</summary>
    private void TakePiece(int piece)
    {
        long step = _proceed.Head.Step;
        for (int child = 0; child < _proceed.ChildCount; child++)
            _passing.Add(_world.ImmediateSend<byte>(_pieces.Message(step, piece), _proceed.Child(child), Tag.Weights));
        ReadOnlySpan<byte> weights = _pieces.Weights(step, piece);
        weights.CopyTo(_weights.Bytes[_pieces.StartOf(piece)..]);
    }

    private void PassToNeighbours(long step)
    {
        if (_readers.Length == 0) return;
        _slots.Write(step, _isInPlace ? _slots.Of(0, step) : _weights.Bytes);
        for (int i = 0; i < _readers.Length; i++)
        {
            // A reader that has not taken the last word yet is not waiting for this one.
            if (_told[i]?.Test() != false) _told[i] = _world.ImmediateSend<byte>(_slots.Message(step)[..Head.Bytes], _readers[i], Tag.Weights);
        }
    }
}

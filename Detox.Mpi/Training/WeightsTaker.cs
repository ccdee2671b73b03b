using System.Runtime.InteropServices;
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
    private readonly bool _readsInPlace;
    private readonly int[] _readers;
    private readonly Head[] _notice = new Head[1];
    private readonly Head[] _wish = new Head[1];
    private readonly Request?[] _told;
    private readonly List<Request> _passing = [];
    private byte[] _landing = [];
    private Request? _arriving;
    private int _arrivingFrom;
    private Request? _wishing;
    private bool _isInPlace;

    /// <param name="readers">The ranks of this node that read this rank's slots; none where it passes nothing on.</param>
    /// <param name="shared">That of a process whose threads are the ranks; else null.</param>
    public WeightsTaker(Communicator world, ModelWeights weights, WeightsSlots slots, Device device, int[] readers, SharedCheck? shared = null)
    {
        _world = world;
        _weights = weights;
        _slots = slots;
        _shared = shared;
        _readsInPlace = slots.CanRead(0) && device.SharesHostMemory;
        View = weights.View;
        _tree = weights.Tree(device);
        _readers = readers;
        _told = new Request?[readers.Length];
    }

    /// <summary>The weights that were taken last: where rank 0 has written them for its node, or a copy of this rank's own.</summary>
    public View View { get; private set; }

    /// <summary>Whether <see cref="View"/> still shows the weights of the step that they were taken for: a rank that was away for two steps may find
    /// others there. To be asked when they have been read.</summary>
    public bool AreStill(long step) => !_isInPlace || _slots.IsWritten(0, step);

    /// <summary>Takes the weights of the step that rank 0 lets this rank proceed to.</summary>
    /// <param name="isSuperseded">Whether rank 0 has spoken again meanwhile, so that these weights are no longer wanted.</param>
    /// <returns>Whether this rank has them; else they arrived damaged from rank 0's own hand, or are superseded.</returns>
    public bool Take(in Instruction promised, Func<bool> isSuperseded)
    {
        Instruction proceed = promised;
        long step = proceed.Head.Step;
        TimeSpan patience = TimeSpan.FromSeconds(proceed.PatienceSeconds);
        bool came = Fetch(proceed.Carrier, step, patience);
        if (came && IsPromised(proceed))
        {
            PassOn(proceed);
            return true;
        }

        _wishing?.Wait();
        _wish[0] = new Head { Step = step, Kind = MessageKind.WeightsWanted, Flags = came ? HeadFlags.None : HeadFlags.NothingCame };
        _wishing = _world.ImmediateSend<Head>(_wish, 0, Tag.ToServer);
        bool answered = false;
        _world.Await(() => isSuperseded() || (answered = Arrived(0, step, wantsMessage: true)), Timeout.InfiniteTimeSpan);
        if (!answered || !IsPromised(proceed)) return false;
        PassOn(proceed);
        return true;
    }

    /// <summary>Waits until no weights are on their way from this rank any more, or the time is over.</summary>
    public void Finish(TimeSpan limit) => _world.Await(() => _passing.TrueForAll(request => request.Test()), limit);

    private bool Fetch(int carrier, long step, TimeSpan patience)
    {
        bool reads = _slots.CanRead(carrier);

        // What rank 0 itself has written was there before it let anybody proceed.
        bool isThere = reads && carrier == 0;
        if (!isThere && !_world.Await(() => Arrived(carrier, step, wantsMessage: !reads), patience) && !(reads && _slots.IsWritten(carrier, step))) return false;
        if (!reads) return true;
        if (carrier == 0 && _readsInPlace)
        {
            (View, _isInPlace) = (_slots.AtRoot(step), true);
            return true;
        }

        Copy(_slots.Of(carrier, step));
        return true;
    }

    private void Copy(ReadOnlySpan<byte> weights)
    {
        weights.CopyTo(_weights.Bytes);
        _weights.Send();
        (View, _isInPlace) = (_weights.View, false);
    }

    /// <summary>Whether the weights of the step have come from a rank: as a message, or as the word that they are on its board.</summary>
    private bool Arrived(int carrier, long step, bool wantsMessage)
    {
        while (true)
        {
            if (_arriving is { } arriving && _arrivingFrom == carrier)
            {
                if (!arriving.Test()) return false;
                _arriving = null;
                Head head = MemoryMarshal.Read<Head>(_landing);
                if (head.Step != step || head.Kind != MessageKind.Weights) continue;
                Copy(_landing.AsSpan(Head.Bytes));
                return true;
            }

            if (!_world.Probe(carrier, Tag.Weights, out _, out long bytes)) return false;
            if (bytes == _slots.MessageBytes && wantsMessage)
            {
                // Into memory that no message of a rank that stopped in the middle is still coming to.
                if (_landing.Length == 0 || _arriving is not null) _landing = GC.AllocateUninitializedArray<byte>(_slots.MessageBytes, pinned: true);
                _arriving = _world.ImmediateReceive<byte>(_landing, carrier, Tag.Weights);
                _arrivingFrom = carrier;
            }
            else if (bytes == Head.Bytes)
            {
                // The word that weights are on a board only says when to look: one of an older step may still be here, and then no other one is sent.
                _world.ImmediateReceive<Head>(_notice, carrier, Tag.Weights).Wait();
                if (!wantsMessage && _slots.IsWritten(carrier, step)) return true;
            }
            else
            {
                // Nobody has promised a message of this length.
                if (!_world.Drop(carrier, Tag.Weights).Test()) return false;
            }
        }
    }

    private bool IsPromised(in Instruction proceed)
    {
        if (_isInPlace) return _shared?.IsPromised(_slots, proceed) ?? IsPromised(_slots, proceed);
        return proceed.Carrier == 0 && _slots.CanRead(0) ? ModelWeights.Xxh128(_weights.Bytes) == proceed.Xxh128 : _weights.Root(_tree) == proceed.Head.Ballot;
    }

    /// <summary>Whether rank 0's slot holds what it has promised.</summary>
    internal static bool IsPromised(WeightsSlots slots, in Instruction proceed)
        => slots.IsWritten(0, proceed.Head.Step) && ModelWeights.Xxh128(slots.Of(0, proceed.Head.Step)) == proceed.Xxh128;

    private void PassOn(in Instruction proceed)
    {
        if (_readers.Length == 0 && proceed.ChildCount == 0) return;
        long step = proceed.Head.Step;
        _slots.Write(step, _isInPlace ? _slots.Of(0, step) : _weights.Bytes);
        _passing.RemoveAll(request => request.Test());
        for (int child = 0; child < proceed.ChildCount; child++)
            _passing.Add(_world.ImmediateSend<byte>(_slots.Message(step), proceed.Child(child), Tag.Weights));
        for (int i = 0; i < _readers.Length; i++)
        {
            // A reader that has not taken the last word yet is not waiting for this one.
            if (_told[i]?.Test() != false) _told[i] = _world.ImmediateSend<byte>(_slots.Message(step)[..Head.Bytes], _readers[i], Tag.Weights);
        }
    }
}

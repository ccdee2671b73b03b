using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>The gradients of an in-process run: the honest replicas of a part are the same bits, so there is one computation, one digest and one vector for
/// all; and so there is for those of spoiled samples.</summary>
/// <remarks>As many parts are computed at a time as there are networks. A vector stays as it is until nobody holds it any more: no replica, and not rank 0,
/// which receives and joins it where it was computed.</remarks>
internal sealed class SharedGradients : IDisposable
{
    private readonly Stack<IGradientSource> _idle;
    private readonly SemaphoreSlim _free;
    private readonly Part[] _parts;
    private readonly Part[] _spoiled;
    private readonly VectorSlots _slots;

    /// <param name="slots">Room for <see cref="MostVectors"/> vectors beside what others take of it.</param>
    public SharedGradients(IReadOnlyList<IGradientSource> networks, int groups, VectorSlots slots)
    {
        _idle = new Stack<IGradientSource>(networks);
        _free = new SemaphoreSlim(networks.Count);
        _slots = slots;
        _parts = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
        _spoiled = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
    }

    /// <summary>The most vectors that are held at a time: the newest of each part, spoiled or not, and one a rank.</summary>
    public static int MostVectors(int groups, int ranks) => (2 * groups) + ranks;

    /// <summary>One rank's view of the shared gradients.</summary>
    public IPayloadSource ForRank() => new Replica(this);

    public void Dispose() => _free.Dispose();

    /// <summary>The part's payload, computed by whoever comes first; held for the caller.</summary>
    private VectorSlot Take(long step, int group, int attempt, SampleAttack? attack, View weights)
    {
        Part part = (attack is null ? _parts : _spoiled)[group];
        lock (part)
        {
            if (part.Payload is null || part.Step != step || part.Attempt != attempt)
            {
                if (part.Payload is not null) _slots.GiveBack(part.Payload);
                part.Payload = null;
                VectorSlot fresh = _slots.TryTake() ?? throw new InvalidOperationException("More vectors are held than parts and ranks can hold.");
                ComputeOnce(step, group, attempt, attack, weights, fresh.Payload);
                (part.Payload, part.Step, part.Attempt) = (fresh, step, attempt);
            }

            return _slots.Hold(part.Payload);
        }
    }

    private void ComputeOnce(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
    {
        _free.Wait();
        IGradientSource network;
        lock (_idle) network = _idle.Pop();
        try
        {
            network.Compute(step, group, attempt, attack, weights, payload);
        }
        finally
        {
            lock (_idle) _idle.Push(network);
            _free.Release();
        }
    }

    private sealed class Part
    {
        public long Step { get; set; }

        public int Attempt { get; set; }

        /// <summary>Null before the first.</summary>
        public VectorSlot? Payload { get; set; }
    }

    private sealed class Replica(SharedGradients shared) : IPayloadSource
    {
        private VectorSlot? _held;

        public VectorSlot Compute(long step, int group, int attempt, SampleAttack? attack, View weights, VectorSlot own)
        {
            if (_held is not null) shared._slots.GiveBack(_held);
            _held = null;
            return _held = shared.Take(step, group, attempt, attack, weights);
        }

        public Ballot Hash(VectorSlot payload, BallotTree tree)
        {
            lock (payload)
            {
                if (payload.Digest is { } known)
                {
                    tree.Take(known.Leaves);
                    return known.Ballot;
                }

                Ballot ballot = tree.Compute(payload.Payload);
                payload.Digest = new PayloadDigest(ballot, tree.LeavesOf(0).ToArray());
                return ballot;
            }
        }
    }
}

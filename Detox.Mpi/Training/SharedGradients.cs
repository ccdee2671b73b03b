using System.Runtime.ExceptionServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>The gradients of an in-process run: the honest replicas of a part are the same bits, so there is one computation, one digest and one vector for
/// all; and so there is for those of spoiled samples.</summary>
/// <remarks>Each network has a thread, which computes one part after another while ranks sleep: so a network stays in the cache of one core, and ranks that
/// have their gradient take no core from those that have not. A vector stays as it is until nobody holds it any more: no replica, and not rank 0, which
/// receives and joins it where it was computed.</remarks>
internal sealed class SharedGradients : IDisposable
{
    private readonly Thread[] _threads;
    private readonly Queue<Computation> _wanted = [];
    private readonly Part[] _parts;
    private readonly Part[] _spoiled;
    private readonly VectorSlots _slots;
    private bool _isOver;

    /// <param name="networks">Each with what makes ballots of its payloads.</param>
    /// <param name="slots">Room for <see cref="MostVectors"/> vectors beside what others take of it.</param>
    public SharedGradients(IReadOnlyList<(IGradientSource Network, BallotTree Tree)> networks, int groups, VectorSlots slots)
    {
        _slots = slots;
        _parts = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
        _spoiled = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
        _threads = [.. networks.Select((own, number) => new Thread(() => ComputeWhatIsWanted(own.Network, own.Tree)) { IsBackground = true, Name = $"detox gradients {number}" })];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>The most vectors that are held at a time: the newest of each part, spoiled or not, and one a rank.</summary>
    public static int MostVectors(int groups, int ranks) => (2 * groups) + ranks;

    /// <summary>One rank's view of the shared gradients.</summary>
    public IPayloadSource ForRank() => new Replica(this);

    /// <summary>Ends the threads. What nobody has begun is wanted by nobody any more.</summary>
    public void Dispose()
    {
        lock (_wanted)
        {
            _isOver = true;
            Monitor.PulseAll(_wanted);
        }

        foreach (Thread thread in _threads) thread.Join();
    }

    /// <summary>The part's payload, for which whoever comes first asks; held for the caller.</summary>
    private VectorSlot Take(long step, int group, int attempt, SampleAttack? attack, View weights)
    {
        Part part = (attack is null ? _parts : _spoiled)[group];
        Computation newest;
        lock (part)
        {
            if (part.Newest is not { } last || last.Step != step || last.Attempt != attempt)
            {
                if (part.Newest is not null) _slots.GiveBack(part.Newest.Payload);
                VectorSlot payload = _slots.TryTake() ?? throw new InvalidOperationException("More vectors are held than parts and ranks can hold.");
                part.Newest = new Computation(step, group, attempt, attack, weights, payload);
                Want(part.Newest);
            }

            newest = part.Newest;
            _slots.Hold(newest.Payload);
        }

        if (newest.Await() is { } failure)
        {
            _slots.GiveBack(newest.Payload);
            ExceptionDispatchInfo.Throw(failure);
        }

        return newest.Payload;
    }

    private void Want(Computation computation)
    {
        lock (_wanted)
        {
            _wanted.Enqueue(computation);
            Monitor.Pulse(_wanted);
        }
    }

    private void ComputeWhatIsWanted(IGradientSource network, BallotTree tree)
    {
        while (true)
        {
            Computation? next;
            lock (_wanted)
            {
                while (!_wanted.TryDequeue(out next))
                {
                    if (_isOver) return;
                    Monitor.Wait(_wanted);
                }
            }

            next.Run(network, tree);
        }
    }

    private sealed class Part
    {
        /// <summary>Null before the first.</summary>
        public Computation? Newest { get; set; }
    }

    private sealed class Computation(long step, int group, int attempt, SampleAttack? attack, View weights, VectorSlot payload)
    {
        private bool _isDone;
        private Exception? _failure;

        public long Step { get; } = step;

        public int Attempt { get; } = attempt;

        /// <summary>Each replica that sends it writes the same head in front.</summary>
        public VectorSlot Payload { get; } = payload;

        public void Run(IGradientSource network, BallotTree tree)
        {
            try
            {
                network.Compute(Step, group, Attempt, attack, weights, Payload.Payload);
                Ballot ballot = tree.Compute(Payload.Payload);
                Payload.Digest = new PayloadDigest(ballot, tree.LeavesOf(0).ToArray());
            }
            catch (Exception error)
            {
                // Every rank that waits for it throws it.
                _failure = error;
            }

            lock (this)
            {
                _isDone = true;
                Monitor.PulseAll(this);
            }
        }

        /// <summary>Waits for its end; why there is no payload, where there is none.</summary>
        public Exception? Await()
        {
            lock (this)
            {
                while (!_isDone) Monitor.Wait(this);
                return _failure;
            }
        }
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
            PayloadDigest digest = payload.Digest!;
            tree.Take(digest.Leaves);
            return digest.Ballot;
        }
    }
}

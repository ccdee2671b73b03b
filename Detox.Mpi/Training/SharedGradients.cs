using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>The gradients of an in-process run: the honest replicas of a part are the same bits, so there is one computation, one digest and one vector for
/// all; and so there is for those of spoiled samples.</summary>
/// <remarks>As many parts are computed at a time as there are networks. A vector stays as it is until no replica has it any more.</remarks>
internal sealed class SharedGradients : IDisposable
{
    private readonly Stack<IGradientSource> _idle;
    private readonly SemaphoreSlim _free;
    private readonly Part[] _parts;
    private readonly Part[] _spoiled;
    private readonly CpuDevice _memory = new(1);
    private readonly List<DeviceBuffer> _owned = [];
    private readonly Stack<SharedPayload> _unused = [];
    private readonly int _payloadLength;

    public SharedGradients(IReadOnlyList<IGradientSource> networks, int groups, int payloadLength)
    {
        _idle = new Stack<IGradientSource>(networks);
        _free = new SemaphoreSlim(networks.Count);
        _payloadLength = payloadLength;
        _parts = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
        _spoiled = [.. Enumerable.Range(0, groups).Select(_ => new Part())];
    }

    /// <summary>One rank's view of the shared gradients.</summary>
    public IPayloadSource ForRank() => new Replica(this);

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in _owned) buffer.Dispose();
        _memory.Dispose();
        _free.Dispose();
    }

    /// <summary>The part's payload, computed by whoever comes first; held for the caller.</summary>
    private SharedPayload Take(long step, int group, int attempt, SampleAttack? attack, View weights)
    {
        Part part = (attack is null ? _parts : _spoiled)[group];
        lock (part)
        {
            if (part.Payload is null || part.Step != step || part.Attempt != attempt)
            {
                Release(part.Payload);
                part.Payload = null;
                SharedPayload fresh = Unused();
                ComputeOnce(step, group, attempt, attack, weights, fresh.Slot.Payload);
                (part.Payload, part.Step, part.Attempt) = (fresh, step, attempt);
            }

            lock (_unused) part.Payload.Holders++;
            return part.Payload;
        }
    }

    /// <summary>Held once, for the part.</summary>
    private SharedPayload Unused()
    {
        lock (_unused)
        {
            if (!_unused.TryPop(out SharedPayload? payload))
            {
                DeviceBuffer buffer = _memory.Allocate(Head.Floats + (long)_payloadLength);
                _owned.Add(buffer);
                payload = new SharedPayload(new VectorSlot(_memory, buffer.All));
            }

            payload.Holders = 1;
            payload.Ballot = null;
            return payload;
        }
    }

    private void Release(SharedPayload? payload)
    {
        if (payload is null) return;
        lock (_unused)
        {
            if (--payload.Holders == 0) _unused.Push(payload);
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
        public SharedPayload? Payload { get; set; }
    }

    /// <param name="slot">Each replica that sends it writes the same head in front.</param>
    private sealed class SharedPayload(VectorSlot slot)
    {
        public VectorSlot Slot { get; } = slot;

        /// <summary>The part, and the replicas that may still read or send it.</summary>
        public int Holders { get; set; }

        /// <summary>Null until a rank has hashed the payload.</summary>
        public Ballot? Ballot { get; set; }

        /// <summary>Those of the ballot.</summary>
        public byte[] Leaves { get; set; } = [];
    }

    private sealed class Replica(SharedGradients shared) : IPayloadSource
    {
        private SharedPayload? _held;

        public VectorSlot Compute(long step, int group, int attempt, SampleAttack? attack, View weights, VectorSlot own)
        {
            shared.Release(_held);
            _held = null;
            _held = shared.Take(step, group, attempt, attack, weights);
            return _held.Slot;
        }

        public Ballot Hash(VectorSlot payload, BallotTree tree)
        {
            SharedPayload held = _held!;
            lock (held)
            {
                if (held.Ballot is { } known)
                {
                    tree.Take(held.Leaves);
                    return known;
                }

                Ballot ballot = tree.Compute(payload.Payload);
                if (held.Leaves.Length == 0) held.Leaves = new byte[tree.LeafBytes];
                tree.LeavesOf(0).CopyTo(held.Leaves);
                held.Ballot = ballot;
                return ballot;
            }
        }
    }
}

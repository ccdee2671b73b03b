using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>Where a rank's honest payload comes from: gradient, batch statistics and loss of its group's part.</summary>
internal interface IGradientSource
{
    /// <summary>Writes the payload of a group's part of a step.</summary>
    /// <param name="attempt">0, or 1 when a void group computes once more.</param>
    /// <param name="attack">Spoils the samples; null for an honest rank.</param>
    void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload);

    /// <summary>The ballot of a payload as it was computed last, and its leaves in the tree.</summary>
    Ballot Hash(View payload, BallotTree tree) => tree.Compute(payload);
}

/// <summary>A network of one's own, and the samples it is fed.</summary>
internal sealed class NetworkGradient(Network network, PartFeed samples) : IGradientSource
{
    private readonly int[] _labels = new int[network.Batch];

    public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
    {
        // The part itself stays as it is: it may be computed once more, by an honest rank.
        PartSamples part = samples.Take(step, group);
        part.Labels.CopyTo(_labels);
        int count = attack?.Spoil(_labels, network.Classes) ?? _labels.Length;
        network.Gradient(weights, part.Images.AsSpan(0, count * network.InputLength), _labels.AsSpan(0, count), payload);
    }
}

/// <summary>Gradients of a device with memory of its own, for ranks whose weights and payloads are the host's.</summary>
internal sealed class DeviceGradient(IGradientSource network, Device device, Network layout) : IGradientSource, IDisposable
{
    private readonly ModelWeights _weights = new(device, layout.StateLength);
    private readonly DeviceBuffer _payload = device.Allocate(layout.PayloadLength);
    private readonly Memory<float> _here = device.AllocateHost(layout.PayloadLength);

    public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
    {
        CpuDevice.Floats(weights).CopyTo(_weights.Values);
        _weights.Send();
        network.Compute(step, group, attempt, attack, _weights.View, _payload.All);
        device.Read(_payload.All, _here.Span);
        _here.Span.CopyTo(CpuDevice.Floats(payload));
    }

    public void Dispose()
    {
        _weights.Dispose();
        _payload.Dispose();
    }
}

/// <summary>The gradients of an in-process run: the honest replicas of a part are the same bits, so one computes and hashes for all; and so are those of spoiled samples.</summary>
/// <remarks>As many parts are computed at a time as there are networks; each rank receives a copy of its own.</remarks>
internal sealed class SharedGradients
{
    private readonly Stack<IGradientSource> _idle;
    private readonly SemaphoreSlim _free;
    private readonly Device _copier;
    private readonly Part[] _parts;
    private readonly Part[] _spoiled;

    /// <param name="copier">A device that holds the shared payloads and copies them to the ranks'.</param>
    public SharedGradients(IReadOnlyList<IGradientSource> networks, int groups, int payloadLength, Device copier)
    {
        _idle = new Stack<IGradientSource>(networks);
        _free = new SemaphoreSlim(networks.Count);
        _copier = copier;
        _parts = [.. Enumerable.Range(0, groups).Select(_ => new Part(payloadLength))];
        _spoiled = [.. Enumerable.Range(0, groups).Select(_ => new Part(payloadLength))];
    }

    /// <summary>One rank's view of the shared gradients.</summary>
    public IGradientSource ForRank() => new Replica(this);

    private Part Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
    {
        Part part = (attack is null ? _parts : _spoiled)[group];
        lock (part)
        {
            if (part.Step != step || part.Attempt != attempt)
            {
                ComputeOnce(step, group, attempt, attack, weights, part.PayloadOn(_copier));
                part.Step = step;
                part.Attempt = attempt;
                part.Ballot = null;
            }

            _copier.Copy(part.PayloadOn(_copier), payload);
            return part;
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

    private sealed class Part(int payloadLength)
    {
        private DeviceBuffer? _payload;

        public long Step { get; set; } = -1;

        public int Attempt { get; set; }

        /// <summary>Null until a rank has hashed the payload.</summary>
        public Ballot? Ballot { get; set; }

        /// <summary>Those of the ballot.</summary>
        public byte[] Leaves { get; set; } = [];

        /// <summary>Allocated when it is first asked for: most runs spoil no samples.</summary>
        public View PayloadOn(Device device) => (_payload ??= device.Allocate(payloadLength)).All;
    }

    private sealed class Replica(SharedGradients shared) : IGradientSource
    {
        private (Part Part, long Step, int Attempt) _last;

        public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
            => _last = (shared.Compute(step, group, attempt, attack, weights, payload), step, attempt);

        public Ballot Hash(View payload, BallotTree tree)
        {
            Part part = _last.Part;
            lock (part)
            {
                // A rank that is late may find the next step's.
                if (part.Step != _last.Step || part.Attempt != _last.Attempt) return tree.Compute(payload);
                if (part.Ballot is { } known)
                {
                    tree.Take(part.Leaves);
                    return known;
                }

                Ballot ballot = tree.Compute(payload);
                if (part.Leaves.Length == 0) part.Leaves = new byte[tree.LeafBytes];
                tree.LeavesOf(0).CopyTo(part.Leaves);
                part.Ballot = ballot;
                return ballot;
            }
        }
    }
}

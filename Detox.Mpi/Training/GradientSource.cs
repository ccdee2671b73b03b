using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;

namespace Detox.Mpi.Training;

/// <summary>Where a rank's honest payload comes from: gradient, batch statistics and loss of its group's part.</summary>
internal interface IGradientSource
{
    /// <summary>Writes the payload of a group's part of a step.</summary>
    /// <param name="attempt">0, or 1 when a void group computes once more.</param>
    void Compute(long step, int group, int attempt, View weights, View payload);
}

/// <summary>A network of one's own, and the samples it is fed.</summary>
internal sealed class NetworkGradient(Network network, PartFeed samples) : IGradientSource
{
    public void Compute(long step, int group, int attempt, View weights, View payload)
    {
        PartSamples part = samples.Take(step, group);
        network.Gradient(weights, part.Images, part.Labels, payload);
    }
}

/// <summary>Gradients of a device with memory of its own, for ranks whose weights and payloads are the host's.</summary>
internal sealed class DeviceGradient(IGradientSource network, Device device, Network layout) : IGradientSource, IDisposable
{
    private readonly ModelWeights _weights = new(device, layout.StateLength);
    private readonly DeviceBuffer _payload = device.Allocate(layout.PayloadLength);
    private readonly Memory<float> _here = device.AllocateHost(layout.PayloadLength);

    public void Compute(long step, int group, int attempt, View weights, View payload)
    {
        CpuDevice.Floats(weights).CopyTo(_weights.Values);
        _weights.Send();
        network.Compute(step, group, attempt, _weights.View, _payload.All);
        device.Read(_payload.All, _here.Span);
        _here.Span.CopyTo(CpuDevice.Floats(payload));
    }

    public void Dispose()
    {
        _weights.Dispose();
        _payload.Dispose();
    }
}

/// <summary>The gradients of an in-process run: the honest replicas of a part are the same bits, so one computes for all.</summary>
/// <remarks>As many parts are computed at a time as there are networks; each rank receives a copy of its own.</remarks>
internal sealed class SharedGradients
{
    private readonly Stack<IGradientSource> _idle;
    private readonly SemaphoreSlim _free;
    private readonly Device _copier;
    private readonly Part[] _parts;

    /// <param name="copier">A device that holds the shared payloads and copies them to the ranks'.</param>
    public SharedGradients(IReadOnlyList<IGradientSource> networks, int groups, int payloadLength, Device copier)
    {
        _idle = new Stack<IGradientSource>(networks);
        _free = new SemaphoreSlim(networks.Count);
        _copier = copier;
        _parts = Enumerable.Range(0, groups).Select(_ => new Part(copier.Allocate(payloadLength).All)).ToArray();
    }

    /// <summary>One rank's view of the shared gradients.</summary>
    public IGradientSource ForRank() => new Replica(this);

    private void Compute(long step, int group, int attempt, View weights, View payload)
    {
        Part part = _parts[group];
        lock (part)
        {
            if (part.Step != step || part.Attempt != attempt)
            {
                ComputeOnce(step, group, attempt, weights, part.Payload);
                part.Step = step;
                part.Attempt = attempt;
            }

            _copier.Copy(part.Payload, payload);
        }
    }

    private void ComputeOnce(long step, int group, int attempt, View weights, View payload)
    {
        _free.Wait();
        IGradientSource network;
        lock (_idle) network = _idle.Pop();
        try
        {
            network.Compute(step, group, attempt, weights, payload);
        }
        finally
        {
            lock (_idle) _idle.Push(network);
            _free.Release();
        }
    }

    private sealed class Part(View payload)
    {
        public View Payload { get; } = payload;

        public long Step { get; set; } = -1;

        public int Attempt { get; set; }
    }

    private sealed class Replica(SharedGradients shared) : IGradientSource
    {
        public void Compute(long step, int group, int attempt, View weights, View payload)
            => shared.Compute(step, group, attempt, weights, payload);
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>What computes the honest payload of a part: gradient, batch statistics and loss.</summary>
internal interface IGradientSource
{
    /// <summary>Writes the payload of a group's part of a step.</summary>
    /// <param name="attempt">0, or 1 when a void group computes once more.</param>
    /// <param name="attack">Spoils the samples; null for an honest rank.</param>
    void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload);
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

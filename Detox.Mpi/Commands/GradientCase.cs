using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>A network with weights and images at random: the gradient that bench measures.</summary>
internal sealed class GradientCase : IGradientSource, IDisposable
{
    private readonly DeviceBuffer _state;
    private readonly float[] _images;
    private readonly int[] _labels;

    public GradientCase(Device device, string model, int batch, ImageShape shape)
    {
        Network = Network.Create(model, device, shape.Height, shape.Width, shape.Channels, 10, batch);
        _state = device.Allocate(Network.StateLength);
        Payload = device.Allocate(Network.PayloadLength);
        float[] values = new float[Network.StateLength];
        _images = new float[batch * Network.InputLength];
        _labels = new int[batch];
        Network.Initialise(1, values);
        device.Write(values, _state.All);
        SeededRandom random = new(1);
        foreach (ref float pixel in _images.AsSpan()) pixel = random.NextFloat(-1, 1);
        foreach (ref int label in _labels.AsSpan()) label = random.NextInt(Network.Classes);
    }

    public Network Network { get; }

    public DeviceBuffer Payload { get; }

    public void Run() => Compute(0, 0, 0, attack: null, _state.All, Payload.All);

    /// <summary>The same samples in every step.</summary>
    public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload) => Network.Gradient(weights, _images, _labels, payload);

    public void Dispose()
    {
        Network.Dispose();
        _state.Dispose();
        Payload.Dispose();
    }
}

using System.Runtime.InteropServices;
using Detox.Gpu.Devices;

namespace Detox.Mpi.Training;

/// <summary>The model as every rank holds it: weights, and then running statistics.</summary>
internal sealed class ModelWeights : IDisposable
{
    private readonly DeviceBuffer _buffer;
    private readonly HostMirror _mirror;

    /// <param name="length">Of weights and running statistics.</param>
    public ModelWeights(Device device, int length)
    {
        _buffer = device.Allocate(length);
        _mirror = new HostMirror(device, _buffer.All);
    }

    /// <summary>What the network reads.</summary>
    public View View => _buffer.All;

    /// <summary>What the network reads, on the host.</summary>
    public Span<float> Values => _mirror.Span;

    public Span<byte> Bytes => MemoryMarshal.AsBytes(Values);

    /// <summary>The host's values go to the device.</summary>
    public void Send() => _mirror.Send();

    /// <summary>The device's values come to the host.</summary>
    public void Fetch() => _mirror.Fetch();

    public void Dispose() => _buffer.Dispose();
}

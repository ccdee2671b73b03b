using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>The model as every rank holds it, weights and then running statistics, with the digest that rank 0 sends behind them.</summary>
internal sealed class ModelWeights : IDisposable
{
    private const int DigestFloats = 4;
    private readonly DeviceBuffer _buffer;
    private readonly HostMirror _message;

    /// <param name="length">Of weights and running statistics.</param>
    public ModelWeights(Device device, int length)
    {
        _buffer = device.Allocate(length + DigestFloats);
        View = _buffer.All.Slice(0, length);
        _message = new HostMirror(device, _buffer.All);
    }

    /// <summary>What the network reads.</summary>
    public View View { get; }

    /// <summary>What the network reads, on the host.</summary>
    public Span<float> Values => _message.Span[..^DigestFloats];

    /// <summary>What is broadcast: weights and running statistics, then their xxh128.</summary>
    public Span<float> Message => _message.Span;

    private ref UInt128 Digest => ref MemoryMarshal.Cast<float, UInt128>(_message.Span[^DigestFloats..])[0];

    /// <summary>Rank 0, before the first broadcast: the host's weights go to the device.</summary>
    public void Send() => _message.Send();

    /// <summary>Rank 0, before each broadcast: what is sent are the device's weights.</summary>
    public void Seal()
    {
        _message.Fetch();
        Digest = WeightsDigest.Xxh128(Values);
    }

    /// <summary>Every rank, after the broadcast: whether what arrived, and now goes to the device, is what was sent. It guards
    /// against the wire and the memory, not against an adversary.</summary>
    public bool Accept()
    {
        _message.Send();
        return Digest == WeightsDigest.Xxh128(Values);
    }

    public void Dispose() => _buffer.Dispose();
}

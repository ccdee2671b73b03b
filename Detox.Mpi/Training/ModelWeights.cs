using System.IO.Hashing;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

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

    /// <summary>Tells whether memory that rank 0 itself has written was read whole and undamaged. Not against malice.</summary>
    public static UInt128 Xxh128(ReadOnlySpan<byte> weights) => XxHash128.HashToUInt128(weights);

    /// <summary>What makes <see cref="Root"/>.</summary>
    public BallotTree Tree(Device device) => new(device, BallotKind.Blake3, (int)View.Length);

    /// <summary>Their BLAKE3: by it weights are known that another rank has carried. It says the same of weights that are no longer finite.</summary>
    /// <param name="tree">Of these weights' device.</param>
    public Ballot Root(BallotTree tree)
    {
        _ = tree.Compute(View);
        return tree.RootOf(tree.LeavesOf(0));
    }

    /// <summary>The host's values go to the device.</summary>
    public void Send() => _mirror.Send();

    /// <summary>The device's values come to the host.</summary>
    public void Fetch() => _mirror.Fetch();

    /// <summary>The same, but they are there only when the device is next waited for.</summary>
    public void BeginFetch() => _mirror.BeginFetch();

    public void Dispose() => _buffer.Dispose();
}

using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly ref partial struct LeafDigests
{
    private const int Joints = 128;

    private static readonly Scratch<int> _notFinite = new(), _joined = new();

    public void Run(IlgpuDevice device)
    {
        // XXH128 has other forms for short inputs: a last leaf that is not whole is hashed on the host.
        int whole = (int)(Vector.Length / BallotTree.LeafFloats), rest = (int)(Vector.Length % BallotTree.LeafFloats);
        int count = Kind == BallotKind.Sha256 && rest > 0 ? whole + 1 : whole, digestBytes = BallotTree.DigestBytes(Kind);
        _isFinite = true;
        if (Kind != BallotKind.Sha256 && rest > 0)
        {
            Span<float> tail = stackalloc float[rest];
            device.Read(Vector.Slice(Vector.Length - rest, rest), tail);
            _isFinite = Reference(Kind, tail, Leaves[(whole * digestBytes)..]);
        }

        if (count == 0) return;
        Span<byte> leaves = Leaves[..(count * digestBytes)];
        ArrayView<int> notFinite = device.Room(_notFinite, count), joined = device.Room(_joined, Joints);
        if (Kind == BallotKind.Sha256) RunSha256(device, notFinite, MemoryMarshal.Cast<byte, uint>(leaves));
        else RunXxh128(device, notFinite, MemoryMarshal.Cast<byte, ulong>(leaves));
        device.Each(Joints, new AnyNotFinite(notFinite, joined));
        Span<int> any = stackalloc int[Joints];
        device.Download(joined, any);
        _isFinite &= !any.ContainsAnyExcept(0);
    }

    // Each thread looks at every so manieth leaf, so that few words go to the host.
    internal readonly struct AnyNotFinite(ArrayView<int> notFinite, ArrayView<int> joined) : IThread
    {
        public void Run(long index)
        {
            int any = 0;
            for (long leaf = index; leaf < notFinite.Length; leaf += Joints) any |= notFinite[leaf];
            joined[index] = any;
        }
    }
}

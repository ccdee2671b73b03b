using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly ref partial struct LeafDigests
{
    private static readonly Scratch<int> _notFinite = new();
    private static readonly Scratch<float> _rests = new();

    // The host waits once, however many vectors there are.
    public void Run(IlgpuDevice device)
    {
        // XXH128 has other forms for short inputs: a last leaf that is not whole is hashed on the host.
        int n = Vectors.Count, rest = Kind == BallotKind.Xxh128 ? (int)(Vectors.Width % BallotTree.LeafFloats) : 0;
        int count = (int)BallotTree.LeavesIn(Vectors.Width - rest), digestBytes = count * BallotTree.DigestBytes(Kind);
        AreFinite.Fill(true);
        if (Leaves.IsEmpty) return;
        LeafVectors from = new(DeviceRows.Of(device, Vectors), Vectors.Width, count);
        ArrayView<int> notFinite = device.Room(_notFinite, n * count);
        Span<byte> digests = Kind switch
        {
            BallotKind.Blake3 => MemoryMarshal.AsBytes(BeginBlake3(device, from, notFinite)),
            BallotKind.Sha256 => MemoryMarshal.AsBytes(BeginSha256(device, from, notFinite)),
            _ => MemoryMarshal.AsBytes(BeginXxh128(device, from, notFinite)),
        };
        Span<int> broken = device.HostRoom(_notFinite, n * count);
        device.BeginDownload(notFinite, broken);
        Span<float> rests = device.HostRoom(_rests, n * rest);
        for (int i = 0; i < n && rest > 0; i++) device.BeginDownload(IlgpuDevice.Floats(Vectors[i].Slice(Vectors.Width - rest, rest)), rests.Slice(i * rest, rest));
        device.Wait();
        for (int i = 0; i < n; i++)
        {
            Span<byte> leaves = LeavesOf(i);
            digests.Slice(i * digestBytes, digestBytes).CopyTo(leaves);
            bool isRestFinite = Reference(Kind, rests.Slice(i * rest, rest), leaves[digestBytes..]);
            AreFinite[i] = isRestFinite && !broken.Slice(i * count, count).ContainsAnyExcept(0);
        }
    }

    /// <summary>Vectors of which a kernel hashes so many leaves each.</summary>
    internal readonly struct LeafVectors(DeviceRows vectors, long width, int leaves)
    {
        public long Count => (long)vectors.Count * leaves;

        /// <summary>Whether a vector has one leaf only.</summary>
        public bool AreSingle => leaves == 1;

        public float this[long place] => vectors[place];

        /// <summary>Where a leaf begins, counted through all vectors.</summary>
        public long Start(long leaf) => vectors.Start((int)(leaf / leaves)) + (leaf % leaves * BallotTree.LeafFloats);

        /// <summary>A leaf's number in its vector.</summary>
        public int Number(long leaf) => (int)(leaf % leaves);

        /// <summary>Floats of a leaf.</summary>
        public int Floats(long leaf) => (int)Math.Min(BallotTree.LeafFloats, width - (leaf % leaves * BallotTree.LeafFloats));
    }
}

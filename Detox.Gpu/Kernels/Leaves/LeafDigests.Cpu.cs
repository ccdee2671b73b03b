using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct LeafDigests
{
    public void Run(CpuDevice device)
    {
        fixed (byte* leaves = Leaves)
        {
            Block work = new() { Kind = Kind, Vector = CpuDevice.Pointer(Vector), Length = Vector.Length, Leaves = leaves };
            device.Share(CpuDevice.Blocks(Vector.Length, Block.Count * BallotTree.LeafFloats), ref work);
            _isFinite = work.NotFinite == 0;
        }
    }

    // One piece: a few leaves. A leaf is looked through for values that are not finite, then hashed from the first-level cache.
    private struct Block : IPieces
    {
        public const int Count = 8;

        public BallotKind Kind;
        public float* Vector;
        public long Length;
        public byte* Leaves;
        public int NotFinite;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int piece)
        {
            int digestBytes = BallotTree.DigestBytes(Kind);
            long leaf = (long)piece * Count;
            for (int i = 0; i < Count && leaf * BallotTree.LeafFloats < Length; i++, leaf++)
            {
                float* floats = Vector + (leaf * BallotTree.LeafFloats);
                int count = (int)Math.Min(BallotTree.LeafFloats, Length - (leaf * BallotTree.LeafFloats));
                if (!AllFinite(floats, count)) Volatile.Write(ref NotFinite, 1);
                Hash(Kind, new ReadOnlySpan<byte>(floats, count * sizeof(float)), new Span<byte>(Leaves + (leaf * digestBytes), digestBytes));
            }
        }
    }

    // An exponent of all ones is an infinity or a NaN: as an integer without its sign it is at least that of infinity.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool AllFinite(float* floats, int count)
    {
        Vector256<int> magnitude = Vector256.Create(int.MaxValue);
        Vector256<int> largest = Vector256<int>.Zero, largest2 = largest;
        int i = 0;
        for (; i <= count - 16; i += 16)
        {
            largest = Vector256.Max(largest, Vector256.Load((int*)floats + i) & magnitude);
            largest2 = Vector256.Max(largest2, Vector256.Load((int*)floats + i + 8) & magnitude);
        }

        bool finite = Vector256.LessThanAll(Vector256.Max(largest, largest2), Vector256.Create(0x7F800000));
        for (; i < count; i++) finite &= float.IsFinite(floats[i]);
        return finite;
    }
}

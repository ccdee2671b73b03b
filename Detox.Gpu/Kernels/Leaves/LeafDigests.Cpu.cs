using System.Runtime.Intrinsics;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct LeafDigests
{
    public void Run(CpuDevice device)
    {
        if (Kind == BallotKind.Blake3)
        {
            RunBlake3(device);
            return;
        }

        AreFinite.Fill(true);
        int blocks = CpuDevice.Blocks(Vectors.Width, Block.Count * BallotTree.LeafFloats);
        fixed (byte* leaves = Leaves)
        fixed (bool* areFinite = AreFinite)
        {
            Block work = new() { Kind = Kind, Vectors = Pass.Pointers(device, Vectors), Length = Vectors.Width, Blocks = blocks, Leaves = leaves, AreFinite = areFinite };
            device.Share(checked(blocks * Vectors.Count), ref work);
        }
    }

    // One piece: a few leaves of a vector. A leaf is looked through for values that are not finite, then hashed from the first-level cache.
    private struct Block : IPieces
    {
        public const int Count = 8;

        public BallotKind Kind;
        public float** Vectors;
        public long Length;
        public int Blocks;
        public byte* Leaves;
        public bool* AreFinite;

        public readonly void Run(int piece)
        {
            int vector = piece / Blocks, digestBytes = BallotTree.DigestBytes(Kind);
            long leaf = (long)(piece % Blocks) * Count;
            byte* leaves = Leaves + (vector * BallotTree.LeavesIn(Length) * digestBytes);
            for (int i = 0; i < Count && leaf * BallotTree.LeafFloats < Length; i++, leaf++)
            {
                float* floats = Vectors[vector] + (leaf * BallotTree.LeafFloats);
                int count = (int)Math.Min(BallotTree.LeafFloats, Length - (leaf * BallotTree.LeafFloats));
                if (!AllFinite(floats, count)) Volatile.Write(ref AreFinite[vector], false);
                Hash(Kind, new ReadOnlySpan<byte>(floats, count * sizeof(float)), new Span<byte>(leaves + (leaf * digestBytes), digestBytes));
            }
        }
    }

    // An exponent of all ones is an infinity or a NaN: as an integer without its sign it is at least that of infinity.
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

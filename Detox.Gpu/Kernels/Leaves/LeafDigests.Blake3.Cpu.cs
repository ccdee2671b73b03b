using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct LeafDigests
{
    // The root is compressed otherwise than the rest of a tree: vectors that are no more than a leaf are left to the definition.
    private void RunBlake3(CpuDevice device)
    {
        if (Vectors.Width <= BallotTree.LeafFloats)
        {
            Reference();
            return;
        }

        AreFinite.Fill(true);
        int blocks = CpuDevice.Blocks(Vectors.Width, Blake3Block.Count * BallotTree.LeafFloats);
        fixed (byte* leaves = Leaves)
        fixed (bool* areFinite = AreFinite)
        {
            Blake3Block work = new()
            {
                Lanes = device.Lanes,
                Vectors = Pass.Pointers(device, Vectors),
                Length = Vectors.Width,
                Blocks = blocks,
                Leaves = leaves,
                AreFinite = areFinite,
            };
            device.Share(checked(blocks * Vectors.Count), ref work);
        }
    }

    // One piece: as many leaves of a vector as fill the lanes with their chunks and nodes.
    private struct Blake3Block : IPieces
    {
        public const int Count = 16;

        public int Lanes;
        public float** Vectors;
        public long Length;
        public int Blocks;
        public byte* Leaves;
        public bool* AreFinite;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            int vector = piece / Blocks;
            long leaf = (long)(piece % Blocks) * Count, start = leaf * BallotTree.LeafFloats;
            int words = (int)Math.Min(Count * BallotTree.LeafFloats, Length - start);
            uint* values = stackalloc uint[Count * LeafChunks * Blake3.DigestWords];
            if (!Blake3Lanes.Chunks(Lanes, (uint*)Vectors[vector] + start, words, (uint)leaf * LeafChunks, values)) Volatile.Write(ref AreFinite[vector], false);
            int count = (words + Blake3.ChunkWords - 1) / Blake3.ChunkWords;
            for (int level = LeafChunks; level > 1; level /= 2) count = Blake3Lanes.Join(Lanes, values, count);
            byte* to = Leaves + (((vector * BallotTree.LeavesIn(Length)) + leaf) * Blake3.DigestBytes);
            new ReadOnlySpan<byte>(values, count * Blake3.DigestBytes).CopyTo(new Span<byte>(to, count * Blake3.DigestBytes));
        }
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly ref partial struct LeafDigests
{
    private static readonly Scratch<uint> _blake3Digests = new(), _blake3Chunks = new();
    private static readonly Scratch<int> _blake3NotFinite = new();

    private static Span<uint> BeginBlake3(IlgpuDevice device, LeafVectors vectors, ArrayView<int> notFinite)
    {
        int words = checked((int)vectors.Count * Blake3.DigestWords), chunks = checked((int)vectors.Count * LeafChunks);
        ArrayView<uint> digests = device.Room(_blake3Digests, words), values = device.Room(_blake3Chunks, checked(chunks * Blake3.DigestWords));
        ArrayView<int> broken = device.Room(_blake3NotFinite, chunks);
        device.Each(chunks, new Blake3Chunk(vectors, values, broken));
        device.Each(vectors.Count, new Blake3Leaf(vectors, values, broken, digests, notFinite));
        Span<uint> here = device.HostRoom(_blake3Digests, words);
        device.BeginDownload(digests, here);
        return here;
    }

    // One thread a chunk, of which a leaf that is not whole has fewer than four: its chaining value, and 1 where a float is not finite.
    internal readonly struct Blake3Chunk(LeafVectors vectors, ArrayView<uint> values, ArrayView<int> broken) : IThread
    {
        public void Run(long chunk)
        {
            long leaf = chunk / LeafChunks;
            int part = (int)(chunk % LeafChunks), leafFloats = vectors.Floats(leaf);
            int count = Math.Min(Blake3.ChunkWords, leafFloats - (part * Blake3.ChunkWords));
            if (count <= 0) return;
            uint number = (uint)((vectors.Number(leaf) * LeafChunks) + part);
            uint end = Blake3.ChunkEnd | (vectors.AreSingle & leafFloats <= Blake3.ChunkWords ? Blake3.Root : 0);
            long start = vectors.Start(leaf) + (part * Blake3.ChunkWords);
            int isBroken = 0;
            Blake3State state = Blake3State.Start();
            for (int at = 0; at < count; at += Blake3.BlockWords)
            {
                int words = Math.Min(Blake3.BlockWords, count - at);
                Blake3Message message = Message(vectors, start + at, words, ref isBroken);
                uint flags = (at == 0 ? Blake3.ChunkStart : 0) | (at + words == count ? end : 0);
                state.Compress(message, number, (uint)words * sizeof(uint), flags);
            }

            state.Store(values, chunk);
            broken[chunk] = isBroken;
        }

        private static Blake3Message Message(LeafVectors vectors, long start, int count, ref int isBroken) => new()
        {
            M0 = Word(vectors, start, 0, count, ref isBroken),
            M1 = Word(vectors, start, 1, count, ref isBroken),
            M2 = Word(vectors, start, 2, count, ref isBroken),
            M3 = Word(vectors, start, 3, count, ref isBroken),
            M4 = Word(vectors, start, 4, count, ref isBroken),
            M5 = Word(vectors, start, 5, count, ref isBroken),
            M6 = Word(vectors, start, 6, count, ref isBroken),
            M7 = Word(vectors, start, 7, count, ref isBroken),
            M8 = Word(vectors, start, 8, count, ref isBroken),
            M9 = Word(vectors, start, 9, count, ref isBroken),
            M10 = Word(vectors, start, 10, count, ref isBroken),
            M11 = Word(vectors, start, 11, count, ref isBroken),
            M12 = Word(vectors, start, 12, count, ref isBroken),
            M13 = Word(vectors, start, 13, count, ref isBroken),
            M14 = Word(vectors, start, 14, count, ref isBroken),
            M15 = Word(vectors, start, 15, count, ref isBroken),
        };

        // Behind the last float: zeros.
        private static uint Word(LeafVectors vectors, long start, int at, int count, ref int isBroken)
        {
            if (at >= count) return 0;
            float value = vectors[start + at];
            if (!Portable.IsFinite(value)) isBroken = 1;
            return Interop.FloatAsInt(value);
        }
    }

    // One thread a leaf: joins the chaining values of its chunks.
    internal readonly struct Blake3Leaf(LeafVectors vectors, ArrayView<uint> values, ArrayView<int> broken, ArrayView<uint> digests, ArrayView<int> notFinite) : IThread
    {
        public void Run(long leaf)
        {
            int count = (vectors.Floats(leaf) + Blake3.ChunkWords - 1) / Blake3.ChunkWords;
            long chunk = leaf * LeafChunks;
            uint root = vectors.AreSingle ? Blake3.Root : 0;
            int isBroken = broken[chunk];
            Blake3State value = Blake3State.Load(values, chunk);
            if (count > 1)
            {
                value = Blake3State.Node(value, Blake3State.Load(values, chunk + 1), count == 2 ? root : 0);
                isBroken |= broken[chunk + 1];
            }

            if (count > 2)
            {
                Blake3State right = Blake3State.Load(values, chunk + 2);
                isBroken |= broken[chunk + 2];
                if (count > 3)
                {
                    right = Blake3State.Node(right, Blake3State.Load(values, chunk + 3), 0);
                    isBroken |= broken[chunk + 3];
                }

                value = Blake3State.Node(value, right, root);
            }

            value.Store(digests, leaf);
            notFinite[leaf] = isBroken;
        }
    }

    /// <summary>The sixteen words of a block, in the order of a round.</summary>
    internal struct Blake3Message
    {
        public uint M0, M1, M2, M3, M4, M5, M6, M7, M8, M9, M10, M11, M12, M13, M14, M15;

        /// <summary>The next round's order: the second row of <see cref="Blake3.Schedule"/>.</summary>
        public readonly Blake3Message Permuted() => new()
        {
            M0 = M2,
            M1 = M6,
            M2 = M3,
            M3 = M10,
            M4 = M7,
            M5 = M0,
            M6 = M4,
            M7 = M13,
            M8 = M1,
            M9 = M11,
            M10 = M12,
            M11 = M5,
            M12 = M9,
            M13 = M14,
            M14 = M15,
            M15 = M8,
        };
    }

    /// <summary>The eight words of a chaining value.</summary>
    internal struct Blake3State
    {
        public uint H0, H1, H2, H3, H4, H5, H6, H7;

        public static Blake3State Start() => new()
        {
            H0 = Blake3.Start0,
            H1 = Blake3.Start1,
            H2 = Blake3.Start2,
            H3 = Blake3.Start3,
            H4 = Blake3.Start4,
            H5 = Blake3.Start5,
            H6 = Blake3.Start6,
            H7 = Blake3.Start7,
        };

        public static Blake3State Load(ArrayView<uint> values, long index)
        {
            long at = index * Blake3.DigestWords;
            return new()
            {
                H0 = values[at],
                H1 = values[at + 1],
                H2 = values[at + 2],
                H3 = values[at + 3],
                H4 = values[at + 4],
                H5 = values[at + 5],
                H6 = values[at + 6],
                H7 = values[at + 7],
            };
        }

        /// <summary>The chaining value of a node.</summary>
        public static Blake3State Node(Blake3State left, Blake3State right, uint root)
        {
            Blake3State state = Start();
            Blake3Message children = new()
            {
                M0 = left.H0,
                M1 = left.H1,
                M2 = left.H2,
                M3 = left.H3,
                M4 = left.H4,
                M5 = left.H5,
                M6 = left.H6,
                M7 = left.H7,
                M8 = right.H0,
                M9 = right.H1,
                M10 = right.H2,
                M11 = right.H3,
                M12 = right.H4,
                M13 = right.H5,
                M14 = right.H6,
                M15 = right.H7,
            };
            state.Compress(children, 0, Blake3.BlockBytes, Blake3.Parent | root);
            return state;
        }

        public readonly void Store(ArrayView<uint> values, long index)
        {
            long at = index * Blake3.DigestWords;
            values[at] = H0;
            values[at + 1] = H1;
            values[at + 2] = H2;
            values[at + 3] = H3;
            values[at + 4] = H4;
            values[at + 5] = H5;
            values[at + 6] = H6;
            values[at + 7] = H7;
        }

        public void Compress(Blake3Message m, uint chunk, uint bytes, uint flags)
        {
            uint v0 = H0, v1 = H1, v2 = H2, v3 = H3, v4 = H4, v5 = H5, v6 = H6, v7 = H7;
            uint v8 = Blake3.Start0, v9 = Blake3.Start1, v10 = Blake3.Start2, v11 = Blake3.Start3, v12 = chunk, v13 = 0, v14 = bytes, v15 = flags;
            for (int round = 0; round < 7; round++)
            {
                Mix(ref v0, ref v4, ref v8, ref v12, m.M0, m.M1);
                Mix(ref v1, ref v5, ref v9, ref v13, m.M2, m.M3);
                Mix(ref v2, ref v6, ref v10, ref v14, m.M4, m.M5);
                Mix(ref v3, ref v7, ref v11, ref v15, m.M6, m.M7);
                Mix(ref v0, ref v5, ref v10, ref v15, m.M8, m.M9);
                Mix(ref v1, ref v6, ref v11, ref v12, m.M10, m.M11);
                Mix(ref v2, ref v7, ref v8, ref v13, m.M12, m.M13);
                Mix(ref v3, ref v4, ref v9, ref v14, m.M14, m.M15);
                m = m.Permuted();
            }

            H0 = v0 ^ v8;
            H1 = v1 ^ v9;
            H2 = v2 ^ v10;
            H3 = v3 ^ v11;
            H4 = v4 ^ v12;
            H5 = v5 ^ v13;
            H6 = v6 ^ v14;
            H7 = v7 ^ v15;
        }

        private static void Mix(ref uint a, ref uint b, ref uint c, ref uint d, uint x, uint y)
        {
            a += b + x;
            d = Rotated(d ^ a, 16);
            c += d;
            b = Rotated(b ^ c, 12);
            a += b + y;
            d = Rotated(d ^ a, 8);
            c += d;
            b = Rotated(b ^ c, 7);
        }
    }
}

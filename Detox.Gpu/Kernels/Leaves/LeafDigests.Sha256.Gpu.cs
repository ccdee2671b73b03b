using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly ref partial struct LeafDigests
{
    private static readonly Scratch<uint> _sha256Digests = new(), _sha256Constants = new();

    // The round constants: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static readonly uint[] _cubeRoots = CubeRoots();

    private static Span<uint> BeginSha256(IlgpuDevice device, LeafVectors vectors, ArrayView<int> notFinite)
    {
        int words = checked((int)vectors.Count * 8);
        ArrayView<uint> digests = device.Room(_sha256Digests, words);
        device.Each(vectors.Count, new Sha256Leaf(vectors, device.Constant(_sha256Constants, _cubeRoots), digests, notFinite));
        Span<uint> here = device.HostRoom(_sha256Digests, words);
        device.BeginDownload(digests, here);
        return here;
    }

    // One thread a leaf: SHA-256 of its floats, and 1 where one of them is not finite. A block's words live in registers.
    // A float's four bytes, little end first, are one big-endian word of the message, turned round.
    internal readonly struct Sha256Leaf(LeafVectors vectors, ArrayView<uint> constants, ArrayView<uint> digests, ArrayView<int> notFinite) : IThread
    {
        public void Run(long leaf)
        {
            long start = vectors.Start(leaf);
            int count = vectors.Floats(leaf);
            uint h0 = 0x6A09E667, h1 = 0xBB67AE85, h2 = 0x3C6EF372, h3 = 0xA54FF53A, h4 = 0x510E527F, h5 = 0x9B05688C, h6 = 0x1F83D9AB, h7 = 0x5BE0CD19;
            int broken = 0;

            // After the floats: one bit, zeros, and the length in bits as 64 bits; in whole blocks of sixteen words.
            int words = (count + 3 + 15) / 16 * 16;
            for (int block = 0; block < words; block += 16)
            {
                uint w0 = Word(vectors, start, block, count, words, ref broken);
                uint w1 = Word(vectors, start, block + 1, count, words, ref broken);
                uint w2 = Word(vectors, start, block + 2, count, words, ref broken);
                uint w3 = Word(vectors, start, block + 3, count, words, ref broken);
                uint w4 = Word(vectors, start, block + 4, count, words, ref broken);
                uint w5 = Word(vectors, start, block + 5, count, words, ref broken);
                uint w6 = Word(vectors, start, block + 6, count, words, ref broken);
                uint w7 = Word(vectors, start, block + 7, count, words, ref broken);
                uint w8 = Word(vectors, start, block + 8, count, words, ref broken);
                uint w9 = Word(vectors, start, block + 9, count, words, ref broken);
                uint w10 = Word(vectors, start, block + 10, count, words, ref broken);
                uint w11 = Word(vectors, start, block + 11, count, words, ref broken);
                uint w12 = Word(vectors, start, block + 12, count, words, ref broken);
                uint w13 = Word(vectors, start, block + 13, count, words, ref broken);
                uint w14 = Word(vectors, start, block + 14, count, words, ref broken);
                uint w15 = Word(vectors, start, block + 15, count, words, ref broken);
                uint a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
                for (int round = 0; round < 64; round += 16)
                {
                    Round(a, b, c, ref d, e, f, g, ref h, constants[round] + w0);
                    Round(h, a, b, ref c, d, e, f, ref g, constants[round + 1] + w1);
                    Round(g, h, a, ref b, c, d, e, ref f, constants[round + 2] + w2);
                    Round(f, g, h, ref a, b, c, d, ref e, constants[round + 3] + w3);
                    Round(e, f, g, ref h, a, b, c, ref d, constants[round + 4] + w4);
                    Round(d, e, f, ref g, h, a, b, ref c, constants[round + 5] + w5);
                    Round(c, d, e, ref f, g, h, a, ref b, constants[round + 6] + w6);
                    Round(b, c, d, ref e, f, g, h, ref a, constants[round + 7] + w7);
                    Round(a, b, c, ref d, e, f, g, ref h, constants[round + 8] + w8);
                    Round(h, a, b, ref c, d, e, f, ref g, constants[round + 9] + w9);
                    Round(g, h, a, ref b, c, d, e, ref f, constants[round + 10] + w10);
                    Round(f, g, h, ref a, b, c, d, ref e, constants[round + 11] + w11);
                    Round(e, f, g, ref h, a, b, c, ref d, constants[round + 12] + w12);
                    Round(d, e, f, ref g, h, a, b, ref c, constants[round + 13] + w13);
                    Round(c, d, e, ref f, g, h, a, ref b, constants[round + 14] + w14);
                    Round(b, c, d, ref e, f, g, h, ref a, constants[round + 15] + w15);
                    if (round == 48) break;
                    w0 += Small0(w1) + w9 + Small1(w14);
                    w1 += Small0(w2) + w10 + Small1(w15);
                    w2 += Small0(w3) + w11 + Small1(w0);
                    w3 += Small0(w4) + w12 + Small1(w1);
                    w4 += Small0(w5) + w13 + Small1(w2);
                    w5 += Small0(w6) + w14 + Small1(w3);
                    w6 += Small0(w7) + w15 + Small1(w4);
                    w7 += Small0(w8) + w0 + Small1(w5);
                    w8 += Small0(w9) + w1 + Small1(w6);
                    w9 += Small0(w10) + w2 + Small1(w7);
                    w10 += Small0(w11) + w3 + Small1(w8);
                    w11 += Small0(w12) + w4 + Small1(w9);
                    w12 += Small0(w13) + w5 + Small1(w10);
                    w13 += Small0(w14) + w6 + Small1(w11);
                    w14 += Small0(w15) + w7 + Small1(w12);
                    w15 += Small0(w0) + w8 + Small1(w13);
                }

                h0 += a;
                h1 += b;
                h2 += c;
                h3 += d;
                h4 += e;
                h5 += f;
                h6 += g;
                h7 += h;
            }

            long to = leaf * 8;
            digests[to] = Turned((int)h0);
            digests[to + 1] = Turned((int)h1);
            digests[to + 2] = Turned((int)h2);
            digests[to + 3] = Turned((int)h3);
            digests[to + 4] = Turned((int)h4);
            digests[to + 5] = Turned((int)h5);
            digests[to + 6] = Turned((int)h6);
            digests[to + 7] = Turned((int)h7);
            notFinite[leaf] = broken;
        }

        private static uint Word(LeafVectors vectors, long start, int at, int count, int words, ref int broken)
        {
            uint word = 0;
            if (at < count)
            {
                float value = vectors[start + at];
                if (!Portable.IsFinite(value)) broken = 1;
                word = Turned((int)Interop.FloatAsInt(value));
            }

            if (at == count) word = 0x80000000;
            if (at == words - 1) word = (uint)count * 32;
            return word;
        }

        // The names move on by one place from round to round instead of the values.
        private static void Round(uint a, uint b, uint c, ref uint d, uint e, uint f, uint g, ref uint h, uint word)
        {
            uint t1 = h + (Rotated(e, 6) ^ Rotated(e, 11) ^ Rotated(e, 25)) + ((e & f) ^ (~e & g)) + word;
            uint t2 = (Rotated(a, 2) ^ Rotated(a, 13) ^ Rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            d += t1;
            h = t1 + t2;
        }

        private static uint Small0(uint word) => Rotated(word, 7) ^ Rotated(word, 18) ^ (word >> 3);

        private static uint Small1(uint word) => Rotated(word, 17) ^ Rotated(word, 19) ^ (word >> 10);
    }

    private static uint Rotated(uint value, int bits) => (value >> bits) | (value << (32 - bits));

    private static uint Turned(int value)
    {
        uint bits = (uint)value;
        return (bits >> 24) | ((bits >> 8) & 0xFF00) | ((bits << 8) & 0xFF0000) | (bits << 24);
    }

    private static uint[] CubeRoots()
    {
        uint[] constants = new uint[64];
        int prime = 1;
        for (int i = 0; i < constants.Length; i++)
        {
            do prime++;
            while (Enumerable.Range(2, prime - 2).Any(divisor => prime % divisor == 0));

            // The largest r with r^3 <= prime * 2^96 is the root with 32 bits after the point.
            System.Numerics.BigInteger low = 0, high = System.Numerics.BigInteger.One << 40, target = (System.Numerics.BigInteger)prime << 96;
            while (high - low > 1)
            {
                System.Numerics.BigInteger middle = (low + high) / 2;
                if (middle * middle * middle <= target) low = middle;
                else high = middle;
            }

            constants[i] = (uint)(low & uint.MaxValue);
        }

        return constants;
    }
}

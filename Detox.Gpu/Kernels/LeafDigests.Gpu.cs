using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class LeafDigests
{
    /// <summary>The round constants of SHA-256: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.</summary>
    public static uint[] Sha256Constants { get; } = CubeRoots();

    /// <summary>One thread a leaf: SHA-256 of its floats, and 1 where one of them is not finite.</summary>
    /// <remarks>A float's four bytes, little end first, are one big-endian word of the message, turned round.</remarks>
    internal static void Sha256Kernel(
        Index1D leaf, ArrayView<float> vector, int leafFloats, ArrayView<uint> constants, ArrayView<uint> digests, ArrayView<int> notFinite)
    {
        ArrayView<uint> w = LocalMemory.Allocate<uint>(16);
        long start = (long)(int)leaf * leafFloats;
        int count = leafFloats;
        if (start + count > vector.Length) count = (int)(vector.Length - start);
        uint h0 = 0x6A09E667, h1 = 0xBB67AE85, h2 = 0x3C6EF372, h3 = 0xA54FF53A, h4 = 0x510E527F, h5 = 0x9B05688C, h6 = 0x1F83D9AB, h7 = 0x5BE0CD19;
        int broken = 0;

        // After the floats: one bit, zeros, and the length in bits as 64 bits; in whole blocks of sixteen words.
        int words = (count + 3 + 15) / 16 * 16;
        for (int block = 0; block < words; block += 16)
        {
            for (int i = 0; i < 16; i++)
            {
                int at = block + i;
                uint word = 0;
                if (at < count)
                {
                    float value = vector[start + at];
                    if (!Portable.IsFinite(value)) broken = 1;
                    word = Turned((int)Interop.FloatAsInt(value));
                }

                if (at == count) word = 0x80000000;
                if (at == words - 1) word = (uint)count * 32;
                w[i] = word;
            }

            uint a = h0, b = h1, c = h2, d = h3, e = h4, f = h5, g = h6, h = h7;
            for (int round = 0; round < 64; round++)
            {
                if (round >= 16)
                {
                    uint before = w[(round + 1) & 15], last = w[(round + 14) & 15];
                    uint s0 = Rotated(before, 7) ^ Rotated(before, 18) ^ (before >> 3);
                    uint s1 = Rotated(last, 17) ^ Rotated(last, 19) ^ (last >> 10);
                    w[round & 15] = w[round & 15] + s0 + w[(round + 9) & 15] + s1;
                }

                uint t1 = h + (Rotated(e, 6) ^ Rotated(e, 11) ^ Rotated(e, 25)) + ((e & f) ^ (~e & g)) + constants[round] + w[round & 15];
                uint t2 = (Rotated(a, 2) ^ Rotated(a, 13) ^ Rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
                h = g;
                g = f;
                f = e;
                e = d + t1;
                d = c;
                c = b;
                b = a;
                a = t1 + t2;
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

        int to = leaf * 8;
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

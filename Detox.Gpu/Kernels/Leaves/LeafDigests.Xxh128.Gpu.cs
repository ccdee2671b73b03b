using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly ref partial struct LeafDigests
{
    private const ulong Prime32A = 0x9E3779B1, Prime32B = 0x85EBCA77, Prime32C = 0xC2B2AE3D;
    private const ulong Prime64A = 0x9E3779B185EBCA87, Prime64B = 0xC2B2AE3D27D4EB4F, Prime64C = 0x165667B19E3779F9;
    private const ulong Prime64D = 0x85EBCA77C2B2AE63, Prime64E = 0x27D4EB2F165667C5;

    // Bytes, floats and words of the long form of XXH3: a stripe is 16 floats, a block is as many stripes as the secret has places for.
    private const int StripeFloats = 16, BlockStripes = 16, SecretBytes = 192;

    private static readonly Scratch<ulong> _xxh128Digests = new(), _xxh128Secret = new();

    // The secret of XXH3 as 64-bit words that begin at each of its bytes: words at odd places are read too.
    // Source: the specification of XXH3, xxhash.com.
    private static readonly ulong[] _secret = Secret(
        "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
        + "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
        + "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e");

    private static Span<ulong> BeginXxh128(IlgpuDevice device, LeafVectors vectors, ArrayView<int> notFinite)
    {
        int words = checked((int)vectors.Count * 2);
        ArrayView<ulong> digests = device.Room(_xxh128Digests, words);
        device.Each(vectors.Count, new Xxh128Leaf(vectors, device.Constant(_xxh128Secret, _secret), digests, notFinite));
        Span<ulong> here = device.HostRoom(_xxh128Digests, words);
        device.BeginDownload(digests, here);
        return here;
    }

    // One thread a leaf of all its floats (a shorter last leaf is the host's): XXH128 with seed 0, and 1 where a float is not finite.
    // Its long form applies: there are more than 60 floats, a multiple of 16.
    // Digests are two words a leaf, in the canonical order of the bytes: the high half first, big end first.
    internal readonly struct Xxh128Leaf(LeafVectors vectors, ArrayView<ulong> secret, ArrayView<ulong> digests, ArrayView<int> notFinite) : IThread
    {
        public void Run(long leaf)
        {
            const int stripes = BallotTree.LeafFloats / StripeFloats;
            const ulong bytes = BallotTree.LeafFloats * sizeof(float);
            long start = vectors.Start(leaf);
            int broken = 0;
            Accumulators a = new()
            {
                A0 = Prime32C,
                A1 = Prime64A,
                A2 = Prime64B,
                A3 = Prime64C,
                A4 = Prime64D,
                A5 = Prime32B,
                A6 = Prime64E,
                A7 = Prime32A,
            };

            // The last stripe has a place in the secret of its own.
            for (int stripe = 0; stripe < stripes; stripe++)
            {
                int inBlock = stripe % BlockStripes;
                if (stripe > 0 & inBlock == 0) a.Scramble(secret);
                int place = stripe == stripes - 1 ? SecretBytes - 64 - 7 : 8 * inBlock;
                a.Add(vectors, start + (stripe * StripeFloats), secret, place, ref broken);
            }

            digests[2 * leaf] = Turned(a.Merge(secret, SecretBytes - 64 - 11, ~unchecked(bytes * Prime64B)));
            digests[(2 * leaf) + 1] = Turned(a.Merge(secret, 11, unchecked(bytes * Prime64A)));
            notFinite[leaf] = broken;
        }
    }

    private static ulong Turned(ulong word) => ((ulong)Turned((int)(uint)word) << 32) | Turned((int)(uint)(word >> 32));

    private static ulong[] Secret(string text)
    {
        byte[] bytes = Convert.FromHexString(text);
        ulong[] words = new ulong[SecretBytes - 7];
        for (int i = 0; i < words.Length; i++) words[i] = BitConverter.ToUInt64(bytes, i);
        return words;
    }

    /// <summary>The eight sums of XXH3's long form.</summary>
    private struct Accumulators
    {
        public ulong A0, A1, A2, A3, A4, A5, A6, A7;

        public void Add(LeafVectors vectors, long at, ArrayView<ulong> secret, int place, ref int broken)
        {
            AddPair(ref A0, ref A1, Data(vectors, at, ref broken), Data(vectors, at + 2, ref broken), secret[place], secret[place + 8]);
            AddPair(ref A2, ref A3, Data(vectors, at + 4, ref broken), Data(vectors, at + 6, ref broken), secret[place + 16], secret[place + 24]);
            AddPair(ref A4, ref A5, Data(vectors, at + 8, ref broken), Data(vectors, at + 10, ref broken), secret[place + 32], secret[place + 40]);
            AddPair(ref A6, ref A7, Data(vectors, at + 12, ref broken), Data(vectors, at + 14, ref broken), secret[place + 48], secret[place + 56]);
        }

        public void Scramble(ArrayView<ulong> secret)
        {
            A0 = Scrambled(A0, secret[128]);
            A1 = Scrambled(A1, secret[136]);
            A2 = Scrambled(A2, secret[144]);
            A3 = Scrambled(A3, secret[152]);
            A4 = Scrambled(A4, secret[160]);
            A5 = Scrambled(A5, secret[168]);
            A6 = Scrambled(A6, secret[176]);
            A7 = Scrambled(A7, secret[184]);
        }

        public readonly ulong Merge(ArrayView<ulong> secret, int place, ulong start)
        {
            ulong sum = start + Folded(A0 ^ secret[place], A1 ^ secret[place + 8]) + Folded(A2 ^ secret[place + 16], A3 ^ secret[place + 24])
                + Folded(A4 ^ secret[place + 32], A5 ^ secret[place + 40]) + Folded(A6 ^ secret[place + 48], A7 ^ secret[place + 56]);
            sum = (sum ^ (sum >> 37)) * 0x165667919E3779F9;
            return sum ^ (sum >> 32);
        }

        private static void AddPair(ref ulong even, ref ulong odd, ulong first, ulong second, ulong firstSecret, ulong secondSecret)
        {
            ulong x = first ^ firstSecret, y = second ^ secondSecret;
            even += second + ((x & uint.MaxValue) * (x >> 32));
            odd += first + ((y & uint.MaxValue) * (y >> 32));
        }

        private static ulong Scrambled(ulong sum, ulong secret) => (sum ^ (sum >> 47) ^ secret) * Prime32A;

        // The halves of the 128-bit product, folded together.
        private static ulong Folded(ulong x, ulong y)
        {
            ulong xl = x & uint.MaxValue, xh = x >> 32, yl = y & uint.MaxValue, yh = y >> 32;
            ulong low = xl * yl, first = xh * yl, second = xl * yh;
            ulong middle = (low >> 32) + (first & uint.MaxValue) + second;
            ulong high = (xh * yh) + (first >> 32) + (middle >> 32);
            return high ^ ((middle << 32) | (low & uint.MaxValue));
        }

        private static ulong Data(LeafVectors vectors, long at, ref int broken)
        {
            float low = vectors[at], high = vectors[at + 1];
            if (!Portable.IsFinite(low) | !Portable.IsFinite(high)) broken = 1;
            return Interop.FloatAsInt(low) | ((ulong)Interop.FloatAsInt(high) << 32);
        }
    }
}

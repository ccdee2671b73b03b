using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;
using Detox.Tests.Kernels;
using Org.BouncyCastle.Crypto.Digests;

namespace Detox.Tests.Digests;

/// <summary>BLAKE3 against its published test vectors and against BouncyCastle's.</summary>
public sealed class Blake3Tests
{
    private static readonly int[] _widths = [16, 8, 4, 1];

    /// <summary>The hash of so many bytes, 0, 1, ..., 250, 0, 1, ... Source: test_vectors.json of github.com/BLAKE3-team/BLAKE3.</summary>
    private static readonly (int Bytes, string Hash)[] _published =
    [
        (0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"),
        (1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"),
        (1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"),
        (1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"),
        (2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"),
        (2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"),
        (3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"),
        (3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"),
        (4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"),
        (4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"),
        (5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"),
        (5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"),
        (6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"),
        (6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"),
        (7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"),
        (7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"),
        (8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"),
        (8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"),
        (16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"),
        (31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"),
        (102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"),
    ];

    private static IEnumerable<TestCaseData> Published => _published.Select(one => new TestCaseData(one.Bytes, one.Hash).SetArgDisplayNames($"{one.Bytes} bytes"));

    /// <summary>BouncyCastle's.</summary>
    public static byte[] Plain(byte[] message)
    {
        Blake3Digest digest = new();
        digest.BlockUpdate(message, 0, message.Length);
        byte[] hash = new byte[digest.GetDigestSize()];
        digest.DoFinal(hash, 0);
        return hash;
    }

    [TestCaseSource(nameof(Published))]
    public void TheDefinitionHasThePublishedHashes(int bytes, string hash)
    {
        Assert.That(Convert.ToHexStringLower(Defined(Counted(bytes))), Is.EqualTo(hash));
        Assert.That(Convert.ToHexStringLower(Plain(Counted(bytes))), Is.EqualTo(hash), "BouncyCastle");
    }

    /// <summary>Of whole floats, which is all that a ballot can be of. All of these bytes are finite floats.</summary>
    [TestCaseSource(nameof(Published))]
    public void BallotsAreThePublishedHashes(int bytes, string hash)
    {
        byte[] message = Counted(bytes);
        if (bytes == 0 || bytes % sizeof(float) != 0)
        {
            // The next whole float, against the definition.
            message = Counted((bytes / sizeof(float) * sizeof(float)) + sizeof(float));
            hash = Convert.ToHexStringLower(Defined(message));
        }

        float[] vector = MemoryMarshal.Cast<byte, float>(message).ToArray();
        foreach (int lanes in _widths) Assert.That(BallotOf(vector, lanes).ToString(), Is.EqualTo(hash), $"{lanes} lanes");
    }

    /// <summary>Lengths around every number of chunks that a width takes at once.</summary>
    [Test]
    public void EveryWidthIsBouncyCastles()
    {
        SeededRandom random = new(5);
        int[] lengths = [.. Enumerable.Range(1, 40).Select(chunks => (chunks * Blake3.ChunkWords) + random.NextInt(3) - 1), .. Enumerable.Range(0, 40).Select(_ => 1 + random.NextInt(150_000))];
        foreach (int length in lengths)
        {
            float[] vector = SampleRows.Values(length, (ulong)length, wild: false);
            byte[] bytes = MemoryMarshal.AsBytes(vector.AsSpan()).ToArray();
            Ballot expected = Ballot.Of(Plain(bytes));
            Assert.That(Ballot.Of(Defined(bytes)), Is.EqualTo(expected), $"the definition of {length} floats");
            foreach (int lanes in _widths) Assert.That(BallotOf(vector, lanes), Is.EqualTo(expected), $"{length} floats in {lanes} lanes");
        }
    }

    /// <summary>A level of the tree, at every width and with every number of values to 70.</summary>
    [Test]
    public unsafe void ALevelIsTheNodesOfEachTwo([ValueSource(nameof(_widths))] int lanes)
    {
        SeededRandom random = new(6);
        for (int count = 1; count <= 70; count++)
        {
            uint[] values = [.. Enumerable.Range(0, count * Blake3.DigestWords).Select(_ => (uint)random.NextInt(int.MaxValue))];
            List<uint> expected = [];
            foreach (uint[] children in values.Chunk(2 * Blake3.DigestWords))
            {
                uint[] node = children[..Blake3.DigestWords];
                if (children.Length > node.Length) Blake3.Node(MemoryMarshal.AsBytes(children.AsSpan()), isRoot: false, MemoryMarshal.AsBytes(node.AsSpan()));
                expected.AddRange(node);
            }

            int left;
            fixed (uint* first = values) left = Blake3Lanes.Join(lanes, first, count);
            Assert.That(values.AsSpan(0, left * Blake3.DigestWords).SequenceEqual(expected.ToArray()), $"{count} values");
        }
    }

    private static byte[] Counted(int bytes) => [.. Enumerable.Range(0, bytes).Select(i => (byte)(i % 251))];

    private static byte[] Defined(byte[] message)
    {
        byte[] hash = new byte[Blake3.DigestBytes];
        Blake3.Tree(message, chunk: 0, isRoot: true, hash);
        return hash;
    }

    private static Ballot BallotOf(float[] vector, int lanes)
    {
        using CpuDevice device = new(1) { Lanes = lanes };
        using DeviceBuffer buffer = device.Upload(vector);
        return new BallotTree(device, BallotKind.Blake3, vector.Length).Compute(buffer.All);
    }
}

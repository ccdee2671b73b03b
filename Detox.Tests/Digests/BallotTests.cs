using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Digests;

[TestFixture(BallotKind.Blake3)]
[TestFixture(BallotKind.Sha256)]
[TestFixture(BallotKind.Xxh128)]
public sealed class BallotTests(BallotKind kind)
{
    private readonly CpuDevice _device = new(2);

    [OneTimeTearDown]
    public void TearDown() => _device.Dispose();

    [TestCase(1)]
    [TestCase(7)]
    [TestCase(1023)]
    [TestCase(1024)]
    [TestCase(1025)]
    [TestCase(131072)]
    [TestCase(131073)]
    [TestCase(431080)]
    [TestCase((128 * 128 * 1024) + 5)]
    public void TheTreeEqualsAPlainOne(int length)
    {
        float[] vector = SampleRows.Values(length, 3, false);
        using DeviceBuffer buffer = _device.Allocate(length);
        _device.Write(vector, buffer.All);
        var tree = new BallotTree(_device, kind, length);
        Ballot ballot = tree.Compute(buffer.All);

        if (kind == BallotKind.Blake3)
        {
            Assert.That(ballot, Is.EqualTo(Ballot.Of(Blake3Tests.Plain([.. vector.SelectMany(Bytes)]))));
            Assert.That(tree.RootOf(tree.LeavesOf(0)), Is.EqualTo(ballot));
            return;
        }

        List<byte[]> level = [.. vector.Chunk(1024).Select(leaf => Digest([.. leaf.SelectMany(Bytes)]))];
        Assert.That(tree.LeafCount, Is.EqualTo(level.Count));
        Assert.That(tree.LeavesOf(0).SequenceEqual(level.SelectMany(x => x).ToArray()), "leaves");
        while (level.Count > 1) level = [.. level.Chunk(128).Select(children => Digest([.. children.SelectMany(x => x)]))];
        Assert.That(ballot, Is.EqualTo(Ballot.Of(level[0])));
        Assert.That(tree.RootOf(tree.LeavesOf(0)), Is.EqualTo(ballot));
        Assert.That(ballot.ToString(), Is.EqualTo(Convert.ToHexStringLower(level[0]).PadRight(64, '0')));
    }

    /// <summary>Some of all, in any order; one of them is not finite.</summary>
    [Test]
    public void VectorsTogetherHaveTheBallotsThatEachHas()
    {
        const int length = 9000, count = 4;
        float[] memory = SampleRows.Values(count * length, 8, false);
        memory[(2 * length) + 77] = float.NaN;
        using DeviceBuffer buffer = _device.Allocate(memory.Length);
        _device.Write(memory, buffer.All);
        BallotTree together = new(_device, kind, length, count), alone = new(_device, kind, length);
        foreach (int[] chosen in (int[][])[[0, 1, 2, 3], [3, 2], [1]])
        {
            Ballot[] ballots = new Ballot[chosen.Length];
            together.Compute(new Rows(buffer.All, [.. chosen.Select(vector => (long)vector * length)], length), ballots);
            for (int i = 0; i < chosen.Length; i++)
            {
                Assert.That(ballots[i], Is.EqualTo(alone.Compute(buffer.All.Slice(chosen[i] * length, length))), $"vector {chosen[i]}");
                Assert.That(ballots[i].IsInvalid, Is.EqualTo(chosen[i] == 2));
                Assert.That(together.LeavesOf(i).SequenceEqual(alone.LeavesOf(0)), $"leaves of vector {chosen[i]}");
            }
        }
    }

    [Test]
    public void ThreadsDoNotChangeTheBallot()
    {
        float[] vector = SampleRows.Values(50001, 4, false);
        Ballot[] ballots = [.. new[] { 1, 2, 3 }.Select(threads =>
        {
            using var device = new CpuDevice(threads);
            return Compute(device, vector);
        })];
        Assert.That(ballots, Is.All.EqualTo(ballots[0]));
    }

    [Test]
    public void AnyBitOfAnyFloatChangesTheBallotAndItsLeaf()
    {
        float[] vector = SampleRows.Values(3000, 5, false);
        using DeviceBuffer buffer = _device.Allocate(3000);
        var tree = new BallotTree(_device, kind, 3000);
        _device.Write(vector, buffer.All);
        Ballot right = tree.Compute(buffer.All);
        byte[] leaves = tree.LeavesOf(0).ToArray();
        int size = BallotTree.DigestBytes(kind);
        foreach (int i in new[] { 0, 1023, 1024, 2047, 2048, 2999 })
        {
            float[] wrong = [.. vector];
            wrong[i] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(wrong[i]) ^ 1);
            _device.Write(wrong, buffer.All);
            Assert.That(tree.Compute(buffer.All), Is.Not.EqualTo(right));
            for (int leaf = 0; leaf < 3; leaf++)
            {
                bool same = tree.LeavesOf(0).Slice(leaf * size, size).SequenceEqual(leaves.AsSpan(leaf * size, size));
                Assert.That(same, Is.EqualTo(leaf != i / 1024), $"float {i}, leaf {leaf}");
            }
        }
    }

    [Test]
    public void AVectorThatIsNotFiniteHasTheInvalidBallot([Values(float.NaN, float.PositiveInfinity, float.NegativeInfinity)] float bad, [Values(1, 5, 16, 17, 2077)] int length)
    {
        for (int i = 0; i < length; i += length > 100 ? 71 : 1)
        {
            float[] vector = SampleRows.Values(length, 6, false);
            Assert.That(Compute(_device, vector).IsInvalid, Is.False);
            vector[i] = bad;
            Assert.That(Compute(_device, vector), Is.EqualTo(Ballot.Invalid), $"{bad} at {i}");
        }
    }

    [Test]
    public void TheLargestFloatsAndMinusZeroAreValid()
    {
        Ballot ballot = Compute(_device, [float.MaxValue, -float.MaxValue, 0f, float.Epsilon]);
        Assert.That(ballot.IsInvalid, Is.False);
        Assert.That(Compute(_device, [float.MaxValue, -float.MaxValue, -0f, float.Epsilon]), Is.Not.EqualTo(ballot));
    }

    [Test]
    public void WrongLengthsAreRefused()
    {
        using DeviceBuffer buffer = _device.Allocate(9);
        var tree = new BallotTree(_device, kind, 10);
        Assert.That(() => tree.Compute(buffer.All), Throws.ArgumentException.With.Message.Contains("9 floats where ballots are of 10"));
        Assert.That(() => tree.Compute(new Rows(buffer.All, [0, 0], 9), new Ballot[2]), Throws.ArgumentException.With.Message.Contains("9 floats where ballots are of 10"));
        Assert.That(() => new BallotTree(_device, kind, 9).Compute(new Rows(buffer.All, [0, 0], 9), new Ballot[2]), Throws.ArgumentException.With.Message.Contains("2 vectors where at most 1"));
        Assert.That(() => tree.RootOf(new byte[5]), Throws.ArgumentException.With.Message.Contains("5 bytes of leaves"));
        foreach (int length in (int[])[0, -1]) Assert.That(() => new BallotTree(_device, kind, length), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void AnUnknownKindIsNamed()
        => Assert.That(() => BallotTree.DigestBytes((BallotKind)9), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("no ballot of kind 9"));

    [Test]
    public void ASecondBallotAllocatesNothing()
    {
        using DeviceBuffer buffer = _device.Allocate(20000);
        var tree = new BallotTree(_device, kind, 20000);
        tree.Compute(buffer.All);
        long before = GC.GetAllocatedBytesForCurrentThread();
        tree.Compute(buffer.All);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    private static byte[] Bytes(float value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return bytes;
    }

    private byte[] Digest(byte[] bytes) => kind == BallotKind.Sha256 ? SHA256.HashData(bytes) : XxHash128.Hash(bytes);

    private Ballot Compute(Device device, float[] vector)
    {
        using DeviceBuffer buffer = device.Allocate(vector.Length);
        device.Write(vector, buffer.All);
        return new BallotTree(device, kind, vector.Length).Compute(buffer.All);
    }
}

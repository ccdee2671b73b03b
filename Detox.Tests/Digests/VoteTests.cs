using System.Runtime.CompilerServices;
using Detox.Gpu.Digests;

namespace Detox.Tests.Digests;

public sealed class VoteTests
{
    /// <summary>Every group of r ballots out of the invalid one and as many others as there are ranks, against counting.</summary>
    [Test]
    public void EveryPattern([Values(1, 2, 3, 4, 5)] int r)
    {
        int kinds = r + 1, patterns = (int)Math.Pow(kinds, r);
        for (int pattern = 0; pattern < patterns; pattern++)
        {
            int[] held = new int[r];
            for (int i = 0, rest = pattern; i < r; i++, rest /= kinds) held[i] = rest % kinds;
            int expected = -1;
            for (int i = r - 1; i >= 0; i--)
                if (held[i] != 0 && held.Count(x => x == held[i]) * 2 > r)
                    expected = i;
            Ballot[] group = [.. held.Select(Of)];
            Assert.That(Vote.Majority(group), Is.EqualTo(expected), string.Join(' ', held));
        }
    }

    [Test]
    public void ThreeDifferentBallotsAreVoidInEveryOrder()
    {
        foreach (int[] order in new int[][] { [1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1] })
            Assert.That(Vote.Majority([.. order.Select(Of)]), Is.EqualTo(-1));
    }

    [TestCase(new[] { 2, 1, 1 }, 1)]
    [TestCase(new[] { 1, 2, 1 }, 0)]
    [TestCase(new[] { 1, 1, 2 }, 0)]
    [TestCase(new[] { 0, 0, 1 }, -1)]
    [TestCase(new[] { 0, 0, 0 }, -1)]
    [TestCase(new[] { 0, 1, 1 }, 1)]
    [TestCase(new[] { 0 }, -1)]
    [TestCase(new[] { 4 }, 0)]
    [TestCase(new[] { 3, 2, 2, 3, 2 }, 1)]
    [TestCase(new[] { 2, 2, 3, 3, 1 }, -1)]
    public void ByHand(int[] held, int winner) => Assert.That(Vote.Majority([.. held.Select(Of)]), Is.EqualTo(winner));

    [Test]
    public void AnEmptyGroupIsVoid() => Assert.That(Vote.Majority([]), Is.EqualTo(-1));

    [Test]
    public void BallotsThatDifferInOneByteAreDifferent()
    {
        Assert.That(Unsafe.SizeOf<Ballot>(), Is.EqualTo(Ballot.Bytes));
        byte[] digest = new byte[32];
        for (int i = 0; i < 32; i++)
        {
            byte[] other = [.. digest];
            other[i] = 1;
            Assert.That(Ballot.Of(other), Is.Not.EqualTo(Ballot.Of(digest)));
            byte[] copy = new byte[32];
            Ballot.Of(other).CopyTo(copy);
            Assert.That(copy, Is.EqualTo(other));
        }

        Assert.That(Ballot.Of(digest), Is.EqualTo(Ballot.Invalid));
    }

    [Test]
    public void WeightsAreNamedByTheirBytes()
    {
        Assert.That(WeightsDigest.Sha256([1f]), Is.EqualTo(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData([0, 0, 0x80, 0x3F]))));
        Assert.That(WeightsDigest.Xxh128([1f]), Is.EqualTo(System.IO.Hashing.XxHash128.HashToUInt128([0, 0, 0x80, 0x3F])));
        Assert.That(WeightsDigest.Xxh128([1f]), Is.Not.EqualTo(WeightsDigest.Xxh128([-1f])));
    }

    private static Ballot Of(int kind) => Ballot.Of([(byte)kind, 0, 0, (byte)kind]);
}

using Detox.Gpu.Digests;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <content>Whom complaints about weights speak of.</content>
public sealed partial class WeightsTests
{
    /// <summary>Rank 1 carries for the ranks 2 and 3 of its node.</summary>
    [TestCase(true, true, Fault.FalseWeights)]
    [TestCase(false, false, Fault.NoAnswer)]
    [TestCase(false, true, Fault.NoAnswer)]
    public void ACarrierOfWhichMostComplainIsBlamedAndCarriesNoMore(bool cameToSecond, bool cameToThird, Fault expected)
        => Judge([0, 1, 1, 1], (publisher, ranks, record) =>
        {
            // It has voted itself, so it had the weights.
            ranks[1].Ballot = Ballot.Of([1]);
            publisher.Hear(ranks[2], cameToSecond ? HeadFlags.None : HeadFlags.NothingCame);
            publisher.Hear(ranks[3], cameToThird ? HeadFlags.None : HeadFlags.NothingCame);
            publisher.Judge(ranks);
            Assert.That(record.Blames, Is.EqualTo(new[] { new Blame(Step, 1, 0, expected) }));

            foreach (Conversation rank in ranks) rank.Pay(Step);
            publisher.Write(Step + 1);
            publisher.LetProceed(ranks);
            Assert.That(ranks.Select(rank => rank.Carrier), Is.All.Zero, "the carriers of the next step");
            publisher.Judge(ranks);
            Assert.That(record.Blames, Has.Count.EqualTo(1), "the complaints are forgotten");
        });

    /// <summary>One word against another names neither; the rank that complains gets its weights from rank 0, and the others as before.</summary>
    [TestCase(new[] { 0, 1, 1 }, new[] { 0, 0, 0 })]
    [TestCase(new[] { 0, 1, 1, 1 }, new[] { 0, 0, 1, 0 })]
    [TestCase(new[] { 0, 1, 1, 1, 1 }, new[] { 0, 0, 1, 0, 1 })]
    public void AComplaintThatStandsAloneNamesNobody(int[] nodes, int[] carriers) => Judge(nodes, (publisher, ranks, record) =>
    {
        int complains = Math.Min(3, nodes.Length - 1);
        Assert.That(ranks[complains].Carrier, Is.EqualTo(1), "before it");
        publisher.Hear(ranks[complains], HeadFlags.None);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty);
        foreach (Conversation rank in ranks) rank.Pay(Step);
        publisher.Write(Step + 1);
        publisher.LetProceed(ranks);
        Assert.That(ranks.Select(rank => rank.Carrier), Is.EqualTo(carriers));

        publisher.Hear(ranks[complains], HeadFlags.None);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.EqualTo(new[] { new Blame(Step, complains, 0, Fault.DamagedWeights) }), "of rank 0's own weights");
    });

    /// <summary>Two of three: with the carrier's own word that is a tie.</summary>
    [Test]
    public void HalfOfThoseWhoKnowIsNotEnough() => Judge([0, 1, 1, 1, 1], (publisher, ranks, record) =>
    {
        publisher.Hear(ranks[2], HeadFlags.None);
        publisher.Hear(ranks[3], HeadFlags.None);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty);
    });

    /// <summary>A node's leader that complains of another one is sent its weights by rank 0, and passes on none.</summary>
    [Test]
    public void ALeaderThatComplainsCarriesNoMore() => Judge([0, 1, 1, 2, 2, 3, 3, 4, 4], (publisher, ranks, record) =>
    {
        int leader = Array.FindIndex(ranks, rank => rank.Rank % 2 == 1 && rank.Carrier != 0), carrier = ranks[leader].Carrier;
        publisher.Hear(ranks[leader], HeadFlags.None);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty);
        foreach (Conversation rank in ranks) rank.Pay(Step);
        publisher.Write(Step + 1);
        publisher.LetProceed(ranks);
        Assert.That((ranks[leader].Carrier, ranks[leader + 1].Carrier), Is.EqualTo((0, 0)));
        Assert.That(ranks[carrier + 1].Carrier, Is.EqualTo(carrier), "the other carries on");
    });

    [Test]
    public void WhoGotNothingAloneIsNotBlamed() => Judge([0, 1, 1, 1, 1], (publisher, ranks, record) =>
    {
        publisher.Hear(ranks[3], HeadFlags.NothingCame);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty);
    });

    [Test]
    public void RankZeroIsNeverBlamed() => Judge([0, 0, 0], (publisher, ranks, record) =>
    {
        foreach (Conversation rank in ranks.Skip(1)) publisher.Hear(rank, HeadFlags.None);
        publisher.Judge(ranks);
        Assert.That(record.Blames.Select(blame => (blame.Rank, blame.Fault)), Is.EqualTo(new[] { (1, Fault.DamagedWeights), (2, Fault.DamagedWeights) }));
    });

    [Test]
    public void ACarrierThatHadNothingInTimeIsNotBlamed() => Judge([0, 1, 1, 1], (publisher, ranks, record) =>
    {
        publisher.Hear(ranks[2], HeadFlags.NothingCame);
        publisher.Hear(ranks[3], HeadFlags.NothingCame);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty, "it has not voted either");
        AssertCarries(publisher, ranks, 1, expected: true);
    });

    /// <summary>Rank 2 passes on to rank 4 and to a neighbour, and rank 4 to the others of its node.</summary>
    [Test]
    public void ACarrierThatGotNothingItselfIsNotBlamed() => Judge([0, 1, 2, 2, 3, 3, 3], (publisher, ranks, record) =>
    {
        Assert.That(ranks.Select(rank => rank.Carrier), Is.EqualTo(new[] { 0, 0, 0, 2, 2, 4, 4 }));
        foreach (Conversation rank in ranks) rank.Ballot = Ballot.Of([1]);
        for (int rank = 3; rank < 7; rank++) publisher.Hear(ranks[rank], HeadFlags.NothingCame);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.EqualTo(new[] { new Blame(Step, 2, 0, Fault.NoAnswer) }));
        AssertCarries(publisher, ranks, 4, expected: true);
    });

    /// <summary>Nobody knows whether it did not get the weights or did not pass them on.</summary>
    [Test]
    public void ACarrierThatComplainsAloneCarriesNoMoreAndIsNotNamed() => Judge([0, 1, 1, 1], (publisher, ranks, record) =>
    {
        ranks[1].Ballot = Ballot.Of([1]);
        for (int rank = 1; rank < 4; rank++) publisher.Hear(ranks[rank], HeadFlags.NothingCame);
        publisher.Judge(ranks);
        Assert.That(record.Blames, Is.Empty);
        AssertCarries(publisher, ranks, 1, expected: false);
    });

    private static void AssertCarries(WeightsPublisher publisher, Conversation[] ranks, int carrier, bool expected)
    {
        foreach (Conversation rank in ranks) rank.Pay(Step);
        publisher.Write(Step + 1);
        publisher.LetProceed(ranks);
        Assert.That(ranks.Any(rank => rank.Carrier == carrier), Is.EqualTo(expected), $"whether rank {carrier} carries on");
    }

    private static void Judge(int[] nodes, Action<WeightsPublisher, Conversation[], StepRecord> body)
        => Publish(nodes, (publisher, ranks, record, _) => body(publisher, ranks, record));
}

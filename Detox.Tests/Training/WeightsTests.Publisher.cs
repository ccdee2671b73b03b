using System.IO.Hashing;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <content>Rank 0's side: whom it tells what.</content>
public sealed partial class WeightsTests
{
    /// <summary>Rank 0's publisher and all ranks' takers, two steps: over boards, down the tree of nodes, and both.</summary>
    [TestCase(new[] { 0, 0, 0 }, new[] { 0, 0, 0 })]
    [TestCase(new[] { 0, 1, 2, 3 }, new[] { 0, 0, 0, 2 })]
    [TestCase(new[] { 0, 1, 1, 1 }, new[] { 0, 0, 1, 1 })]
    [TestCase(new[] { 0, 1, 0, 1, 2, 2 }, new[] { 0, 0, 0, 1, 0, 4 })]
    public void ThePublishersWeightsReachEveryRank(int[] nodes, int[] carriers) => ReachEveryRank(nodes, carriers, Blake3Pieces.UsualLeaves);

    /// <summary>Of five pieces, three and two: the last piece has gone along a chain of four nodes sooner than down a tree, but not along one of ten where there are two.</summary>
    [TestCase(new[] { 0, 1, 2, 3 }, new[] { 0, 0, 1, 2 }, 1)]
    [TestCase(new[] { 0, 1, 0, 1, 2, 2, 3 }, new[] { 0, 0, 0, 1, 1, 4, 4 }, 1)]
    [TestCase(new[] { 0, 1, 2, 3 }, new[] { 0, 0, 1, 2 }, 2)]
    [TestCase(new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 }, new[] { 0, 0, 0, 2, 0, 4, 4, 6, 0, 8 }, 4)]
    public void WeightsInPiecesReachEveryRank(int[] nodes, int[] carriers, int leaves) => ReachEveryRank(nodes, carriers, leaves);

    private static void ReachEveryRank(int[] nodes, int[] carriers, int leaves) => Run(
        nodes,
        rank =>
    {
        (WeightsPublisher Publisher, Conversation[] Ranks, StepRecord Record)? server = rank.Number == 0 ? Serve(rank) : null;
        for (long step = Step; step < Step + 3; step++)
        {
            if (server is var (publisher, ranks, record))
            {
                Weights(step).CopyTo(rank.Own.Bytes);
                rank.Own.Send();
                publisher.Fetch();
                publisher.Write(step);
                publisher.LetProceed(ranks);
                foreach (Conversation each in ranks) each.Pay(step);
                publisher.Judge(ranks);
                Assert.That(record.Blames, Is.Empty);
            }

            Instruction[] proceed = new Instruction[1];
            rank.World.Receive(proceed.AsSpan(), 0, Tag.FromServer);
            Assert.That(proceed[0].Head.Step, Is.EqualTo(step));
            Assert.That(proceed[0].Carrier, Is.EqualTo(carriers[rank.Number]), $"the carrier of rank {rank.Number}");
            if (rank.Number > 0) rank.AssertTaken(proceed[0], step);
            rank.World.Barrier();
            if (rank.Number == 0) Assert.That(rank.World.Probe(Communicator.AnyRank, Tag.ToServer, out _, out _), Is.False, "nothing was asked for");
            rank.World.Barrier();
        }

        rank.Taker.Finish(TimeSpan.FromSeconds(LongPatience));
    },
        leaves);

    [Test]
    public void EachRankIsToldOnceWhatItNeeds() => Publish([0, 1, 1, 2], (publisher, ranks, record, heard) =>
    {
        Ballot root = ScriptedRound.BallotOf(MemoryMarshal.Cast<byte, float>(Weights(Step)).ToArray());
        for (int rank = 0; rank < 4; rank++)
        {
            Instruction told = heard.Single(rank);
            Assert.That((told.Head.Step, told.Head.Kind, told.Head.Ballot), Is.EqualTo((Step, MessageKind.Proceed, root)));
            Assert.That(told.Xxh128, Is.EqualTo(XxHash128.HashToUInt128(Weights(Step))));
            Assert.That((told.PatienceSeconds, told.HoldSeconds), Is.EqualTo((15f, 0f)), "a quarter of the first step's minute");
            Assert.That(told.Head.Flags, Is.EqualTo(rank == 2 ? HeadFlags.Spare : HeadFlags.None));
            Assert.That(ranks[rank].NewestOwed, Is.EqualTo(Step));
        }

        Assert.That(heard.Weights(1), Is.EqualTo(new[] { Step }), "sent from rank 0");
        Assert.That(heard.Weights(2), Is.Empty, "rank 1 carries them");
    },
    ranks => ranks[2].IsSpare = true);

    [Test]
    public void TheRootIsToldAlsoWhereNobodyCarries() => Publish([0, 0, 0], (publisher, ranks, record, heard) =>
    {
        Assert.That(publisher.Root.IsInvalid, Is.False);
        for (int rank = 0; rank < 3; rank++) Assert.That(heard.Single(rank).Head.Ballot, Is.EqualTo(publisher.Root));
        Assert.That(heard.Weights(1), Is.Empty, "they are read where they were written");
    });

    /// <summary>Of rank 1's node, which cannot read rank 1's memory.</summary>
    [Test]
    public void WhoCannotReadItsLeaderIsSentTheWeights() => Publish(
        [0, 1, 1],
        (publisher, ranks, record, heard) =>
        {
            Assert.That(ranks[2].Carrier, Is.Zero);
            Assert.That(heard.Weights(2), Is.EqualTo(new[] { Step }));
        },
        reach: reach => reach[2] = reach[2] with { ReadsLeader = false });

    [Test]
    public void WhoReadsRankZerosMemoryNeedsNoCarrier() => Publish(
        [0, 1, 1],
        (publisher, ranks, record, heard) =>
        {
            Assert.That(ranks[2].Carrier, Is.Zero);
            Assert.That(heard.Weights(2), Is.Empty);
        },
        reach: reach => reach[2] = reach[2] with { ReadsRoot = true });

    [Test]
    public void WhoOwesOrIsAbsentCarriesNothing() => Publish(
        [0, 1, 1, 2, 2],
        (publisher, ranks, record, heard) => Assert.That(ranks.Select(rank => rank.Carrier), Is.All.Zero),
        ranks =>
        {
            ranks[1].IsAbsent = true;
            ranks[3].Owe(Step - 1);
        });

    [Test]
    public void WhoComesLateIsToldAloneAndOnce() => Publish([0, 1, 1], (publisher, ranks, record, heard) =>
    {
        heard.Single(2);
        publisher.LetProceed(ranks[2]);
        Assert.That(heard.All(2), Is.Empty, "it was let to this step");
        ranks[2].Pay(Step);
        ranks[2].IsSpare = ranks[2].HasWeightsFromHere = ranks[2].AwaitsWeights = true;
        publisher.LetProceed(ranks[2]);
        Instruction told = heard.Single(2);
        Assert.That((told.Head.Step, told.Carrier, told.ChildCount, told.Head.Flags), Is.EqualTo((Step, 0, 0, HeadFlags.None)), "its ballot is wanted");
        Assert.That(heard.Weights(2), Is.EqualTo(new[] { Step }), "from here");
        Assert.That((ranks[2].OwesBallotOf(Step), ranks[2].HasWeightsFromHere, ranks[2].AwaitsWeights), Is.EqualTo((true, false, false)));
    });

    [Test]
    public void ARelayThatComesLateIsToldAlone() => Publish([0, 1, 2, 3], (publisher, ranks, record, heard) =>
    {
        Assert.That(heard.Single(2).ChildCount, Is.EqualTo(1), "at first it passes them to rank 3");
        ranks[2].Pay(Step);
        publisher.LetProceed(ranks[2]);
        Instruction told = heard.Single(2);
        Assert.That((told.Carrier, told.ChildCount), Is.EqualTo((0, 0)));
    });

    [Test]
    public void ASpareRankIsCalled() => Publish(
        [0, 0],
        (publisher, ranks, record, heard) =>
        {
            Assert.That(heard.Single(1).Head.Flags, Is.EqualTo(HeadFlags.Spare));
            publisher.Hurry(ranks[1]);
            Instruction told = heard.Single(1);
            Assert.That((told.Head.Kind, told.Head.Step, told.Head.Flags), Is.EqualTo((MessageKind.Proceed, Step, HeadFlags.None)));
            Assert.That((ranks[1].IsSpare, ranks[1].IsHere), Is.EqualTo((false, false)));
            ranks[1].Pay(Step);
            publisher.Hurry(ranks[1]);
            Assert.That(heard.All(1), Is.Empty, "it has voted");
        },
        ranks => ranks[1].IsSpare = true);

    [Test]
    public void WhoTakesNoInstructionsOwesNothingForThem() => Publish([0, 0], (publisher, ranks, record, heard) =>
    {
        int told = 1;
        for (; told < 100; told++)
        {
            ranks[1].Pay(Step);
            publisher.LetProceed(ranks[1]);
            if (!ranks[1].Owes) break;
        }

        Assert.That(told, Is.LessThan(100));
        Assert.That(heard.All(1), Has.Count.EqualTo(told));
    });

    /// <summary>Nothing that is on its way to it is sent again.</summary>
    [Test]
    public void WhoAsksIsSentTheWeightsOnceOlderOnesAreOutOfTheWay() => Publish([0, 1], (publisher, ranks, record, heard) =>
    {
        publisher.Hear(ranks[1], HeadFlags.None);
        Assert.That(ranks[1].AwaitsWeights, Is.True, "those of the step are still on their way");
        publisher.SendAwaited(ranks[1]);
        Assert.That(ranks[1].AwaitsWeights, Is.True);
        Assert.That(heard.Weights(1), Is.EqualTo(new[] { Step }), "once");
        publisher.SendAwaited(ranks[1]);
        Assert.That(ranks[1].AwaitsWeights, Is.False);
        Assert.That(heard.Weights(1), Is.EqualTo(new[] { Step }), "once more");
    });

    [Test]
    public void WhoNoLongerOwesIsSentNothing() => Publish([0, 0], (publisher, ranks, record, heard) =>
    {
        ranks[1].AwaitsWeights = true;
        ranks[1].Pay(Step);
        publisher.SendAwaited(ranks[1]);
        Assert.That(ranks[1].AwaitsWeights, Is.False);
        Assert.That(heard.Weights(1), Is.Empty);
    });

    [Test]
    public void WhoAsksForAnOlderStepIsLetToThisOne() => Publish(
        [0, 0],
        (publisher, ranks, record, heard) =>
        {
            Assert.That(heard.All(1), Is.Empty);
            publisher.Hear(ranks[1], HeadFlags.None);
            Instruction told = heard.Single(1);
            Assert.That((told.Head.Step, told.Carrier), Is.EqualTo((Step, 0)));
            Assert.That((ranks[1].OwesBallotOf(Step - 1), ranks[1].OwesBallotOf(Step), ranks[1].AwaitsWeights), Is.EqualTo((false, true, false)));
            publisher.Judge(ranks);
            Assert.That(record.Blames, Is.Empty, "that is no complaint");
        },
        ranks =>
        {
            // As many as a rank may owe that has not answered.
            for (long step = Step - 4; step < Step; step++) ranks[1].Owe(step);
        });

    /// <summary>Rank 0 publishes the weights of a step; the other ranks do nothing.</summary>
    private static void Publish(
        int[] nodes, Action<WeightsPublisher, Conversation[], StepRecord, Heard> body, Action<Conversation[]>? prepare = null, Action<WeightsReach[]>? reach = null)
    {
        Communicator[] worlds = new Communicator[nodes.Length];
        Run(nodes, rank =>
        {
            worlds[rank.Number] = rank.World;
            rank.World.Barrier();
            if (rank.Number != 0) return;
            (WeightsPublisher publisher, Conversation[] ranks, StepRecord record) = Serve(rank, reach);
            record.Clear(Step);
            Weights(Step).CopyTo(rank.Own.Bytes);
            rank.Own.Send();
            prepare?.Invoke(ranks);
            publisher.Fetch();
            publisher.Write(Step);
            publisher.LetProceed(ranks);
            body(publisher, ranks, record, new Heard(worlds));
        });
    }

    private static (WeightsPublisher Publisher, Conversation[] Ranks, StepRecord Record) Serve(WeightsRank rank, Action<WeightsReach[]>? change = null)
    {
        int[] nodes = [.. rank.World.Nodes];
        WeightsReach[] reach = [.. nodes.Select(node => new WeightsReach(Array.IndexOf(nodes, node), node == nodes[0], ReadsLeader: true))];
        change?.Invoke(reach);
        StepRecord record = new();
        WeightsPublisher publisher = new(rank.World, rank.Own, rank.Slots, rank.Tree, reach, new StepPatience(null), record, new WeightsPieces(Floats, rank.Leaves));
        return (publisher, [.. nodes.Select((_, number) => new Conversation(rank.World, number, 0, "here"))], record);
    }

    /// <summary>What has come to the ranks and was not taken yet.</summary>
    private sealed class Heard(Communicator[] worlds)
    {
        public Instruction Single(int rank)
        {
            List<Instruction> all = All(rank);
            Assert.That(all, Has.Count.EqualTo(1), $"how often rank {rank} was told something");
            return all[0];
        }

        public List<Instruction> All(int rank)
        {
            List<Instruction> all = [];
            Instruction[] one = new Instruction[1];
            while (worlds[rank].Probe(0, Tag.FromServer, out _, out _))
            {
                worlds[rank].Receive(one.AsSpan(), 0, Tag.FromServer);
                all.Add(one[0]);
            }

            return all;
        }

        /// <summary>The steps of the weights that came from rank 0, which are the right ones.</summary>
        public List<long> Weights(int rank)
        {
            List<long> steps = [];
            while (worlds[rank].Probe(0, Tag.Weights, out _, out long bytes))
            {
                byte[] message = new byte[bytes];
                worlds[rank].Receive(message.AsSpan(), 0, Tag.Weights);
                steps.Add(MemoryMarshal.Read<Head>(message).Step);
                Assert.That(message.AsSpan(Head.Bytes).ToArray(), Is.EqualTo(WeightsTests.Weights(steps[^1])));
            }

            return steps;
        }
    }
}

using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Tests.Attacks;

/// <summary>What the attacks on the protocol make of rank 0's messages, as rank 1 receives them.</summary>
[TestFixture]
internal sealed class MessageTests
{
    private const int PayloadLength = 5;
    private const ulong Seed = 3;

    private static readonly Ballot _ballot = Ballot.Of([0xFF, 2, 3]);

    private static IEnumerable<string> Names => Attack.Known.Names.Where(name => Attack.Parse(name) is ProtocolAttack);

    [Test]
    public void ARankThatIsNotByzantineSendsWhatItShould([ValueSource(nameof(Names))] string attack)
    {
        byte[][] sent = [.. AllKinds(1), .. AllKinds(2)];
        Assert.That(Received(attack, sent, byzantine: 0), Is.EqualTo(sent));
    }

    /// <summary>What each attack changes and what it lets pass; "stale" and "slow" need more than one message, or a clock.</summary>
    [TestCase("silent", new[] { MessageKind.Vector })]
    [TestCase("equivocate", new[] { MessageKind.Ballot })]
    [TestCase("mute", new[] { MessageKind.Ballot, MessageKind.Vector, MessageKind.Leaves, MessageKind.Leaf })]
    [TestCase("liar", new[] { MessageKind.Ballot, MessageKind.Leaves, MessageKind.Leaf })]
    [TestCase("copycat", new[] { MessageKind.Ballot, MessageKind.Vector, MessageKind.Shown })]
    [TestCase("flood", new[] { MessageKind.Ballot })]
    [TestCase("relay", new[] { MessageKind.Weights })]
    [TestCase("stop", new MessageKind[0])]
    [TestCase("die", new MessageKind[0])]
    public void OnlyTheseKindsAreTamperedWithInTheFirstStep(string attack, MessageKind[] tampered)
    {
        foreach (byte[] message in AllKinds(0))
        {
            bool isSame = Received(attack, [message]) is [byte[] only] && only.AsSpan().SequenceEqual(message);
            Assert.That(isSame, Is.EqualTo(!tampered.Contains(HeadOf(message).Kind)), $"{HeadOf(message).Kind}");
        }
    }

    [Test]
    public void LongSendsEverythingTwiceAndShortHalfOfIt()
    {
        foreach (byte[] message in AllKinds(1))
        {
            Assert.That(Received("long", [message]), Is.EqualTo(new byte[][] { [.. message, .. message] }));
            Assert.That(Received("short", [message]), Is.EqualTo(new[] { message[..(message.Length / 2)] }));
        }
    }

    [Test]
    public void SilentSendsTheHeadOfAnEmptyVector()
    {
        byte[] found = Received("silent", [Message(1, MessageKind.Vector, 1, 2, 3, 4)]).Single();
        Assert.That(found, Is.EqualTo(Message(1, MessageKind.Vector)));
    }

    [Test]
    public void MuteSaysThatItsVectorFollowsAndSendsNone()
    {
        byte[] vote = Message(1, MessageKind.Ballot);
        Head head = HeadOf(Received("mute", [vote, Message(1, MessageKind.Vector, 1), Message(1, MessageKind.Leaves, 1), Message(1, MessageKind.Leaf, 1)]).Single());
        Assert.That(head.Flags, Is.EqualTo(HeadFlags.Again | HeadFlags.VectorFollows));
        Assert.That((head.Step, head.Kind, head.Ballot), Is.EqualTo((1L, MessageKind.Ballot, _ballot)));
        MemoryMarshal.AsRef<Head>(vote.AsSpan()).Flags |= HeadFlags.VectorFollows;
        Assert.That(Received("mute", [vote]), Is.EqualTo(new[] { vote }), "it has said so already");
    }

    [Test]
    public void AnEquivocatorsAndALiarsBallotIsAlwaysAnotherOne([Values("equivocate", "liar")] string attack, [Values(0, 0xFF)] int first)
    {
        byte[][] votes = [.. Enumerable.Range(0, 2000).Select(step => WithBallot(Message(step, MessageKind.Ballot, 9), Ballot.Of([(byte)first, 8])))];
        List<byte[]> found = Received(attack, votes);
        Assert.That(found, Has.Count.EqualTo(votes.Length));
        IEnumerable<Ballot> others = Enumerable.Range(0, 256).Where(x => x != first).Select(x => Ballot.Of([(byte)x, 8]));
        Assert.That(found.Select(vote => HeadOf(vote).Ballot).Distinct(), Is.EquivalentTo(others), "any other first byte");
        Assert.That(found.Zip(votes, (x, y) => WithBallot(x, default).AsSpan().SequenceEqual(WithBallot(y, default))), Is.All.True, "nothing else changes");
    }

    [Test]
    public void ALiarShowsOtherLeavesBehindTheSameHead([Values(MessageKind.Leaves, MessageKind.Leaf)] MessageKind kind)
    {
        byte[] leaves = Message(1, kind, [.. Enumerable.Repeat((byte)5, 64)]);
        byte[] found = Received("liar", [leaves]).Single();
        Assert.That(found, Has.Length.EqualTo(leaves.Length));
        Assert.That(found[..Head.Bytes], Is.EqualTo(leaves[..Head.Bytes]));
        Assert.That(found[Head.Bytes..].Count(b => b == 5), Is.LessThan(8), "all leaves are made up, from the first byte to the last");
        Assert.That(found[Head.Bytes], Is.Not.EqualTo(5));
    }

    [Test]
    public void GarbageIsOtherBytesOfTheSameLength()
    {
        byte[] message = Message(1, MessageKind.Vector, [.. Enumerable.Repeat((byte)0, 100)]);
        byte[] found = Received("garbage", [message]).Single();
        Assert.That(found, Has.Length.EqualTo(message.Length));
        Assert.That(found.Count(b => b == 0), Is.LessThan(8));
        Assert.That(found[0], Is.Not.Zero);
    }

    /// <summary>The draws depend on the run's seed, the step, the rank and the place of the message in its step, on nothing else.</summary>
    [Test]
    public void WhatIsRandomCanBeReplayed()
    {
        byte[] third = Message(3, MessageKind.Ballot), fourth = Message(4, MessageKind.Ballot);
        List<byte[]> run = Received("garbage", [third, third, fourth, fourth]);
        Assert.That(run, Is.Unique);
        Assert.That(Received("garbage", [third, third, fourth, fourth]), Is.EqualTo(run));
        Assert.That(Received("garbage", [fourth, fourth]), Is.EqualTo(run[2..]));
        Assert.That(Received("garbage", [third], seed: Seed + 1), Is.Not.EqualTo(run[..1]));
        Assert.That(Received("garbage", [third], sender: 1), Is.Not.EqualTo(run[..1]));
    }

    [Test]
    public void FloodSendsTenMoreBallotsAndTenVectorsBehindEach()
    {
        byte[] vote = Message(1, MessageKind.Ballot), next = Message(2, MessageKind.Ballot);
        List<byte[]> found = Received("flood", [vote, next]);
        Assert.That(found, Has.Count.EqualTo(2 * 21));
        byte[] vector = new byte[Head.Bytes + (PayloadLength * 4)], nextVector = [.. vector];
        MemoryMarshal.Write(vector, new Head { Step = 1, Kind = MessageKind.Vector, Length = PayloadLength * 4 });
        MemoryMarshal.Write(nextVector, new Head { Step = 2, Kind = MessageKind.Vector, Length = PayloadLength * 4 });
        Assert.That(found[0], Is.EqualTo(vote), "its own vote comes first");
        Assert.That(found[..21].Count(x => x.AsSpan().SequenceEqual(vote)), Is.EqualTo(11));
        Assert.That(found[..21].Count(x => x.AsSpan().SequenceEqual(vector)), Is.EqualTo(10));
        Assert.That(found[21..].Count(x => x.AsSpan().SequenceEqual(next)), Is.EqualTo(11));
        Assert.That(found[21..].Count(x => x.AsSpan().SequenceEqual(nextVector)), Is.EqualTo(10));
    }

    [Test]
    public void StaleSendsWhatItHadForTheSameRankAndKindInAnOlderStep()
    {
        byte[] first = Message(1, MessageKind.Ballot, 1), again = Message(1, MessageKind.Ballot, 2), vector = Message(2, MessageKind.Vector, 3), second = Message(2, MessageKind.Ballot, 4);
        Assert.That(Received("stale", [first, again, vector, second]), Is.EqualTo(new[] { first, again, vector, again }));

        // What went to another rank is not sent here.
        Run("stale", 2, Seed, "fixed", (world, own) =>
        {
            if (world.Rank == 0)
            {
                own.ImmediateSend<byte>(first, 0, Tag.ToServer);
                own.ImmediateSend<byte>(second, 1, Tag.ToServer);
            }

            world.Barrier();
            if (world.Rank == 1) Assert.That(Waiting(world, 0), Is.EqualTo(new[] { second }));
        });
    }

    [Test]
    public void StaleSendsWhatItSentAsAnHonestRankToo()
    {
        Placement placement = Placement.Create("random", GroupTable.Create(2, 1, Seed), 1, Seed);
        long step = 0;
        while (Marks(step) || !Marks(step + 1)) step++;
        byte[] honest = Message(step, MessageKind.Ballot, 1), wrong = Message(step + 1, MessageKind.Ballot, 2);
        Assert.That(Received("stale", [honest, wrong], byzantine: 1, placement: "random"), Is.EqualTo(new[] { honest, honest }));

        bool Marks(long of)
        {
            bool[] isByzantine = new bool[2];
            placement.Byzantine(of, isByzantine);
            return isByzantine[0];
        }
    }

    [Test]
    public void ACopycatVotesForWhatItsGroupHasShown() => Run("copycat", 2, Seed, "fixed", (world, own) =>
    {
        Ballot shown = Ballot.Of([4, 5]);
        if (world.Rank == 1)
        {
            world.ImmediateSend<byte>(WithBallot(Message(1, MessageKind.Shown), shown), 0, Tag.Group);
            world.ImmediateSend<byte>(WithBallot(Message(1, MessageKind.Shown, 1), _ballot), 0, Tag.Group);
            world.ImmediateSend<byte>(WithBallot(Message(1, MessageKind.Proceed), _ballot), 0, Tag.FromServer);
        }
        else
        {
            // Only the first is a ballot that the group has shown: the second is too long, the third comes from rank 0.
            foreach (int tag in (int[])[Tag.Group, Tag.Group, Tag.FromServer]) own.ImmediateReceive<byte>(new byte[100], 1, tag).Wait();
            byte[] vote = Message(1, MessageKind.Ballot);
            MemoryMarshal.AsRef<Head>(vote.AsSpan()).Flags |= HeadFlags.VectorFollows;
            own.ImmediateSend<byte>(vote, 1, Tag.ToServer);
            own.ImmediateSend<byte>(Message(1, MessageKind.Shown), 1, Tag.ToServer);
            own.ImmediateSend<byte>(Message(1, MessageKind.Vector), 1, Tag.ToServer);
        }

        world.Barrier();
        if (world.Rank == 0) return;
        Assert.That(Waiting(world, 0), Is.EqualTo(new[] { WithBallot(Message(1, MessageKind.Ballot), shown), WithBallot(Message(1, MessageKind.Shown), shown) }),
            "no vector follows, and it says so");
    });

    [Test]
    public void ARelayNegatesTheWeightsOfAMessage()
    {
        byte[] weights = [.. MemoryMarshal.AsBytes<float>([1, -2, 0.5f])], negated = [.. MemoryMarshal.AsBytes<float>([-1, 2, -0.5f])];
        Assert.That(Received("relay", [Message(1, MessageKind.Weights, weights)]), Is.EqualTo(new[] { Message(1, MessageKind.Weights, negated) }));
    }

    [Test]
    public void ARelayNegatesTheStepsBoardOnceBeforeItsWordLeaves() => Run("relay", 2, Seed, "fixed", (world, own) =>
    {
        Boards[] boards = [own.OpenBoards(Head.Bytes + 8, writes: true), own.OpenBoards(Head.Bytes + 8, writes: true)];
        if (world.Rank == 1) return;
        for (int i = 0; i < 2; i++)
        {
            boards[i].Own.Span.Fill(7);
            MemoryMarshal.AsBytes<float>([1 + i, -3]).CopyTo(boards[i].Own.Span[Head.Bytes..]);
        }

        byte[] first = Message(1, MessageKind.Weights), second = Message(2, MessageKind.Weights);
        own.ImmediateSend<byte>(first, 0, Tag.Weights);
        own.ImmediateSend<byte>(first, 0, Tag.Weights);
        Assert.That((OnBoard(0), OnBoard(1)), Is.EqualTo(((1f, -3f), (-2f, 3f))), "odd steps are on the second board");
        own.ImmediateSend<byte>(second, 0, Tag.Weights);
        Assert.That((OnBoard(0), OnBoard(1)), Is.EqualTo(((-1f, 3f), (-2f, 3f))));
        Assert.That(boards[0].Own.Span[..Head.Bytes].ToArray(), Is.All.EqualTo(7), "the head stays");
        Assert.That(Waiting(world, 0, Tag.Weights), Is.EqualTo(new[] { first, first, second }));

        (float First, float Second) OnBoard(int board)
        {
            Span<float> weights = MemoryMarshal.Cast<byte, float>(boards[board].Own.Span[Head.Bytes..]);
            return (weights[0], weights[1]);
        }
    });

    [Test]
    public void StopAndInOneProcessDieAreSilentFromTheSecondStepOn([Values("stop", "die")] string attack)
        => Assert.That(Received(attack, [.. AllKinds(0), .. AllKinds(1), .. AllKinds(2)]), Is.EqualTo(AllKinds(0)));

    [Test]
    public void SlowWaitsBeforeABallotOnly()
    {
        long start = Stopwatch.GetTimestamp();
        Received("slow(seconds=0.2)", [Message(1, MessageKind.Ballot)]);
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.GreaterThan(0.19));
        start = Stopwatch.GetTimestamp();
        Received("slow(seconds=5)", [Message(1, MessageKind.Vector, 1)]);
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(5));
    }

    private static byte[][] AllKinds(long step)
        => [.. Enum.GetValues<MessageKind>().Select(kind => Message(step, kind, [.. Enumerable.Range(1, 32).Select(i => (byte)i)]))];

    /// <summary>A message whose ballot and flags are not nothing.</summary>
    private static byte[] Message(long step, MessageKind kind, params byte[] body)
    {
        byte[] bytes = [.. new byte[Head.Bytes], .. body];
        MemoryMarshal.Write(bytes, new Head { Step = step, Kind = kind, Length = body.Length, Ballot = _ballot, Flags = HeadFlags.Again });
        return bytes;
    }

    private static Head HeadOf(byte[] message) => MemoryMarshal.Read<Head>(message);

    private static byte[] WithBallot(byte[] message, Ballot ballot)
    {
        byte[] bytes = [.. message];
        MemoryMarshal.AsRef<Head>(bytes.AsSpan()).Ballot = ballot;
        return bytes;
    }

    /// <summary>What one rank receives when the other sends these.</summary>
    private static List<byte[]> Received(string attack, byte[][] messages, int byzantine = 2, string placement = "fixed", ulong seed = Seed, int sender = 0)
    {
        List<byte[]> received = [];
        Run(attack, byzantine, seed, placement, (world, own) =>
        {
            if (world.Rank == sender)
            {
                foreach (byte[] message in messages) own.ImmediateSend<byte>(message, 1 - sender, Tag.ToServer);
            }

            world.Barrier();
            if (world.Rank != sender) received = Waiting(world, sender);
        });
        return received;
    }

    private static void Run(string attack, int byzantine, ulong seed, string placement, Action<Communicator, Communicator> rankBody)
        => InProcessWorld.Run(2, world =>
        {
            Placement places = Placement.Create(placement, GroupTable.Create(2, 1, seed), byzantine, seed);
            rankBody(world, ((ProtocolAttack)Attack.Parse(attack)).Decorate(world, places, seed, PayloadLength));
        });

    private static List<byte[]> Waiting(Communicator world, int source, int tag = Tag.ToServer)
    {
        List<byte[]> messages = [];
        while (world.Probe(source, tag, out _, out long bytes))
        {
            byte[] message = new byte[bytes];
            world.Receive(message.AsSpan(), source, tag);
            messages.Add(message);
        }

        return messages;
    }
}

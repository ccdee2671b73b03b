using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The vote within a group of three.</summary>
public sealed class GroupVoteTests
{
    private const int Size = 3;

    private static readonly int[] _members = [0, 1, 2];
    private static readonly Ballot _ballot = Ballot.Of([1, 2, 3]);
    private static readonly Ballot _other = Ballot.Of([4, 5, 6]);

    [Test]
    public void TheRankThatCompletesAMajorityIsTold()
    {
        Assert.That(OneAfterAnother(_ballot, _ballot, _ballot), Is.EqualTo(new[] { false, true, false }));
        Assert.That(OneAfterAnother(_other, _ballot, _ballot), Is.EqualTo(new[] { false, false, true }));
        Assert.That(OneAfterAnother(_ballot, _other, _ballot), Is.EqualTo(new[] { false, false, true }));
        Assert.That(OneAfterAnother(_ballot, _other, Ballot.Of([7])), Is.EqualTo(new[] { false, false, false }));
    }

    [Test]
    public void TheBallotOfAVectorWithANanCompletesNothing()
        => Assert.That(OneAfterAnother(Ballot.Invalid, Ballot.Invalid, Ballot.Invalid), Is.EqualTo(new[] { false, false, false }));

    /// <summary>Rank 1 has no ballot, and shows rank 2 what rank 0 has shown it.</summary>
    [TestCase(false)]
    [TestCase(true)]
    public void ACopiedHashDoesNotCount(bool sawTheOriginal) => InProcessWorld.Run(Size, world =>
    {
        const int step = 7;
        if (world.Rank == 0) new GroupVote(world, _members).Show(step, _ballot);
        world.Barrier();
        if (world.Rank == 1)
        {
            Head[] copy = new Head[1];
            world.Receive(copy.AsSpan(), 0, Tag.Group);
            Assert.That(copy[0].Ballot, Is.Not.EqualTo(_ballot), "no ballot is shown");
            world.ImmediateSend<Head>(copy, 2, Tag.Group);
        }

        world.Barrier();
        if (world.Rank != 2) return;
        if (!sawTheOriginal) world.Drop(0, Tag.Group).Wait();
        Assert.That(new GroupVote(world, _members).Show(step, _ballot), Is.EqualTo(sawTheOriginal), "two of three, if the copy counts for nothing");
    });

    [Test]
    public void WhatIsOfAnOlderStepDoesNotCount() => InProcessWorld.Run(Size, world =>
    {
        GroupVote vote = new(world, _members);
        if (world.Rank == 0) vote.Show(6, _ballot);
        world.Barrier();
        if (world.Rank == 2) Assert.That(vote.Show(7, _ballot), Is.False);
    });

    /// <summary>Rank 2 tells rank 1 what it was shown, and is sent the same as another kind of message.</summary>
    [Test]
    public void WhatIsOfAnotherKindDoesNotCount() => InProcessWorld.Run(Size, world =>
    {
        Head[] shown = new Head[1];
        if (world.Rank == 1)
        {
            new GroupVote(world, _members).Show(7, _ballot);
            world.Receive(shown.AsSpan(), 2, Tag.Honest);
            shown[0].Kind = MessageKind.Ballot;
            world.ImmediateSend<Head>(shown, 2, Tag.Group);
        }

        if (world.Rank == 2)
        {
            world.Receive(shown.AsSpan(), 1, Tag.Group);
            world.Send<Head>(shown, 1, Tag.Honest);
        }

        world.Barrier();
        if (world.Rank == 2) Assert.That(new GroupVote(world, _members).Show(7, _ballot), Is.False);
    });

    [Test]
    public void MessagesOfAWrongLengthDoNoHarm() => InProcessWorld.Run(Size, world =>
    {
        GroupVote vote = new(world, _members);
        if (world.Rank == 1)
        {
            foreach (int length in (int[])[0, 1, Head.Bytes - 1, Head.Bytes + 1, 1_000_000]) world.ImmediateSend<byte>(new byte[length], 2, Tag.Group);
            world.ImmediateSend<Head>(new[] { new Head { Step = 7, Kind = MessageKind.Ballot, Ballot = _ballot } }, 2, Tag.Group);
            vote.Show(7, _ballot);
        }

        world.Barrier();
        if (world.Rank == 2) Assert.That(vote.Show(7, _ballot), Is.True, "what came after them counts");
    });

    [Test]
    public void AFloodHoldsUpNobodyAndHidesNoOneElse() => InProcessWorld.Run(Size, world =>
    {
        const int flood = 1000;
        GroupVote vote = new(world, _members);
        if (world.Rank == 1)
            for (int i = 0; i < flood; i++) world.ImmediateSend<Head>(new[] { new Head { Step = 7, Kind = MessageKind.Shown } }, 2, Tag.Group);
        if (world.Rank == 0) vote.Show(7, _ballot);
        world.Barrier();
        if (world.Rank != 2) return;
        Assert.That(vote.Show(7, _ballot), Is.True);
        int left = 0;
        for (; world.Probe(1, Tag.Group, out _, out _); left++) world.Drop(1, Tag.Group).Wait();
        Assert.That(left, Is.GreaterThan(flood - 100), "it was not listened to any longer");
    });

    [Test]
    public void NothingHeapsUpAtARankThatDoesNotListen() => InProcessWorld.Run(Size, world =>
    {
        if (world.Rank == 0)
        {
            GroupVote vote = new(world, _members);
            for (int step = 0; step < 100; step++) vote.Show(step, _ballot);
        }

        world.Barrier();
        if (world.Rank == 0) return;
        Head[] shown = new Head[1];
        world.Receive(shown.AsSpan(), 0, Tag.Group);
        Assert.That(shown[0].Step, Is.Zero, "what was sent stays as it was");
        Assert.That(world.Probe(0, Tag.Group, out _, out _), Is.False);
    });

    /// <summary>Whoever showed it cannot tell it again in a later step, and nobody can tell it as its own.</summary>
    [Test]
    public void TheSameBallotIsShownOtherwiseByEveryRankAndInEveryStep() => InProcessWorld.Run(Size, world =>
    {
        Head[] shown = new Head[1];
        HashSet<Ballot> all = [_ballot];
        GroupVote vote = new(world, [world.Rank, 2]);
        for (int step = 7; step <= 8; step++)
        {
            if (world.Rank < 2) vote.Show(step, _ballot);
            for (int rank = 0; rank < 2 && world.Rank == 2; rank++)
            {
                world.Receive(shown.AsSpan(), rank, Tag.Group);
                Assert.That(shown[0].Step, Is.EqualTo(step));
                all.Add(shown[0].Ballot);
            }

            world.Barrier();
        }

        if (world.Rank == 2) Assert.That(all, Has.Count.EqualTo(5), "the ballot, and four hashes of it");
    });

    private static bool[] OneAfterAnother(params Ballot[] ballots)
    {
        bool[] completes = new bool[Size];
        InProcessWorld.Run(Size, world =>
        {
            GroupVote vote = new(world, _members);
            for (int rank = 0; rank < Size; rank++)
            {
                if (rank == world.Rank) completes[rank] = vote.Show(7, ballots[rank]);
                world.Barrier();
            }
        });
        return completes;
    }
}

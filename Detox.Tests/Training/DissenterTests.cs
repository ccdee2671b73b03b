using Detox.Gpu.Digests;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What rank 0 finds out of a rank whose ballot is not its group's.</summary>
public sealed class DissenterTests
{
    private const long Step = ScriptedRound.Step;

    private static int Dissenter => ScriptedRound.Members[1];

    public static IEnumerable<TestCaseData> Differences()
    {
        yield return Of("the first place", leaves: 1, first: 0, (0, 5));
        yield return Of("only in the sign of zero", leaves: 1, first: 0, (0, -0f));
        yield return Of("the last place of a leaf", leaves: 1, first: 1023, (1023, 5));
        yield return Of("the first place of the next leaf", leaves: 1, first: 1024, (1024, 5));
        yield return Of("the last place of all", leaves: 1, first: ScriptedRound.Floats - 1, (ScriptedRound.Floats - 1, 5));
        yield return Of("two places of one leaf", leaves: 1, first: 1100, (1100, 5), (2047, -1));
        yield return Of("a place in two leaves", leaves: 2, first: 1500, (1500, 5), (2100, 6));
        yield return Of("a place in every leaf", leaves: 3, first: 7, (7, 5), (1500, 5), (2100, 6));
        yield return Of("a NaN", leaves: 1, first: 1500, (1500, float.NaN));

        static TestCaseData Of(string name, int leaves, int first, params (int, float)[] changes)
            => new TestCaseData(changes, leaves, first).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Differences))]
    public void TheFirstWrongPlaceIsNamed((int Index, float Value)[] changes, int leaves, int first)
    {
        float[] wrong = ScriptedRound.Wrong(changes);
        Run(
            rank =>
            {
                rank.Vote(ScriptedRound.BallotOf(wrong));
                rank.ShowLeaves(wrong, first / BallotTree.LeafFloats);
            },
            round =>
            {
                AssertBlamed(round, new Blame(Step, Dissenter, ScriptedRound.Group, Fault.Dissent, leaves, first, ScriptedRound.Right[first], wrong[first]));
                Assert.That((round[1].DissentedIn, round[1].Dissents), Is.EqualTo((Step, 1)));
                Assert.That(round[1].Asked, Is.EqualTo(MessageKind.None), "what is still asked");
            });
    }

    [Test]
    public void LeavesThatDoNotLeadToItsBallotNameNoPlace()
    {
        float[] wrong = ScriptedRound.Wrong((3, 5)), other = ScriptedRound.Wrong((4, 5));
        Run(
            rank =>
            {
                rank.Vote(ScriptedRound.BallotOf(wrong));
                rank.ShowLeaves(other, leaf: null);
            },
            round => AssertBlamed(round, Named(Fault.FalseLeaves)));
    }

    [Test]
    public void ALeafThatIsNotTheOneShownNamesNoPlace()
    {
        float[] wrong = ScriptedRound.Wrong((1500, 5));
        Run(
            rank =>
            {
                rank.Vote(ScriptedRound.BallotOf(wrong));
                rank.ShowLeaves(wrong, leaf: null);
                rank.Hear(MessageKind.SendLeaf, 1);
                rank.Send(MessageKind.Leaf, new byte[BallotTree.LeafFloats * sizeof(float)]);
            },
            round => AssertBlamed(round, Named(Fault.FalseLeaves)));
    }

    /// <summary>The ballot of a vector with a NaN stands for every such vector, the leaves of the right one may be shown for it.</summary>
    [Test]
    public void TheRightLeavesOfAVectorWithANanNameNoPlace() => Run(
        rank =>
        {
            rank.Vote(Ballot.Invalid);
            rank.ShowLeaves(ScriptedRound.Right, leaf: null);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Dissent));
            Assert.That(round[1].HasHeard, Is.True, "there is no leaf to ask for");
        });

    public static IEnumerable<TestCaseData> NoAnswers()
    {
        byte[] leaves = ScriptedRound.LeavesOf(ScriptedRound.Wrong((1500, 5)));
        yield return new TestCaseData(false, leaves[1..]).SetArgDisplayNames("leaves too short");
        yield return new TestCaseData(false, (byte[])[.. leaves, 0]).SetArgDisplayNames("leaves too long");
        yield return new TestCaseData(false, Array.Empty<byte>()).SetArgDisplayNames("no leaves");
        yield return new TestCaseData(true, leaves).SetArgDisplayNames("the leaves as a leaf");
        yield return new TestCaseData(true, new byte[BallotTree.LeafFloats * sizeof(float)]).SetArgDisplayNames("a leaf before the leaves");
    }

    [TestCaseSource(nameof(NoAnswers))]
    public void WhatIsNoAnswerIsRefusedAndNotWaitedFor(bool asLeaf, byte[] body) => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.BallotOf(ScriptedRound.Wrong((1500, 5))));
            rank.Hear(MessageKind.SendLeaves);
            rank.Send(asLeaf ? MessageKind.Leaf : MessageKind.Leaves, body);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol), Named(Fault.Dissent));
            Assert.That(round[1].Asked, Is.EqualTo(MessageKind.None), "what is still asked");
        });

    /// <summary>It has promised a vector, so there is room for a message of that length.</summary>
    [Test]
    public void LeavesAsLongAsAVectorAreRefused() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.BallotOf(ScriptedRound.Wrong((1500, 5))), HeadFlags.VectorFollows);
            rank.Hear(MessageKind.SendLeaves);
            rank.Send(MessageKind.Leaves, new byte[ScriptedRound.Floats * sizeof(float)]);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol), Named(Fault.Dissent));
            Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 2), "all but the two winners'");
        });

    [TestCase(BallotTree.LeafFloats - 1)]
    [TestCase(BallotTree.LeafFloats + 1)]
    public void ALeafOfAnotherLengthIsRefused(int floats)
    {
        float[] wrong = ScriptedRound.Wrong((1500, 5));
        Run(
            rank =>
            {
                rank.Vote(ScriptedRound.BallotOf(wrong));
                rank.ShowLeaves(wrong, leaf: null);
                rank.Hear(MessageKind.SendLeaf, 1);
                rank.Send(MessageKind.Leaf, new byte[floats * sizeof(float)]);
            },
            round => AssertBlamed(round, Named(Fault.Protocol), new Blame(Step, Dissenter, ScriptedRound.Group, Fault.Dissent, Leaves: 1)));
    }

    [Test]
    public void WhoDoesNotAnswerIsWaitedForNoLongerThanAnAnswerTakes() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.BallotOf(ScriptedRound.Wrong((1500, 5))));
            rank.Hear(MessageKind.SendLeaves);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Dissent));
            Assert.That(round[1].Asked, Is.EqualTo(MessageKind.SendLeaves), "what is still asked");
        });

    /// <summary>The dissents before this one: the ninth is the first that is not asked about, from then on every power of two is.</summary>
    [TestCase(6, true)]
    [TestCase(7, true)]
    [TestCase(8, false)]
    [TestCase(14, false)]
    [TestCase(15, true)]
    [TestCase(16, false)]
    public void ARankThatAlwaysDissentsIsAskedEverMoreRarely(int before, bool isAsked)
    {
        float[] wrong = ScriptedRound.Wrong((1500, 5));
        Run(
            rank =>
            {
                rank.Vote(ScriptedRound.BallotOf(wrong));
                if (isAsked) rank.ShowLeaves(wrong, leaf: 1);
            },
            round =>
            {
                Assert.That(round[1].Dissents, Is.EqualTo(before + 1));
                Assert.That(round.Record.Blames.Select(blame => blame.Index), Is.EqualTo(new[] { isAsked ? 1500 : -1 }));
                Assert.That(round[1].HasHeard, Is.True, "all that was asked was heard");
            },
            round => round[1].Dissents = before);
    }

    [Test]
    public void ARankThatLatelyLeftAQuestionIsAskedNothing() => Run(
        rank => rank.Vote(ScriptedRound.BallotOf(ScriptedRound.Wrong((1500, 5)))),
        round =>
        {
            AssertBlamed(round, Named(Fault.Dissent));
            Assert.That(round[1].HasHeard, Is.True, "nothing was asked");
        },
        round => round[1].LeftQuestionIn = Step - 1);

    /// <summary>The second rank is the dissenter; the first sends the group's vector.</summary>
    private static void Run(Action<ScriptedRank> dissenter, Action<ScriptedRound> check, Action<ScriptedRound>? prepare = null) => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right), dissenter, rank => rank.Vote(ScriptedRound.RightBallot), check, prepare);

    private static Blame Named(Fault fault) => new(Step, Dissenter, ScriptedRound.Group, fault);

    private static void AssertBlamed(ScriptedRound round, params Blame[] expected)
    {
        Assert.That(round.State.State, Is.EqualTo(GroupState.Verified));
        Assert.That(round.Record.Blames, Is.EqualTo(expected));
    }
}

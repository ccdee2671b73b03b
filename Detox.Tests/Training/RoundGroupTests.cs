using System.Diagnostics;
using Detox.Gpu.Digests;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What becomes of a group at rank 0: its vote, its vector, and whom rank 0 asks and waits for.</summary>
public sealed class RoundGroupTests
{
    private const long Step = ScriptedRound.Step;
    private static readonly float[] _wrong = ScriptedRound.Wrong((3, 5)), _otherWrong = ScriptedRound.Wrong((4, 5)), _thirdWrong = ScriptedRound.Wrong((5, 5));
    private static readonly Ballot _wrongBallot = ScriptedRound.BallotOf(_wrong), _otherWrongBallot = ScriptedRound.BallotOf(_otherWrong);
    private static readonly Action<ScriptedRank> _votes = rank => rank.Vote(ScriptedRound.RightBallot);
    private static readonly Action<ScriptedRank> _saysNothing = _ => { };
    private static readonly Action<ScriptedRank> _sendsWhenAsked = rank =>
    {
        rank.Vote(ScriptedRound.RightBallot);
        rank.Hear(MessageKind.SendVector);
        rank.SendVector(ScriptedRound.Right);
    };

    [Test]
    public void TheFirstHolderIsAskedWhereNobodySends() => ScriptedRound.Run(_sendsWhenAsked, _votes, _votes, round => AssertVerified(round));

    [Test]
    public void WhoLatelyLeftAQuestionIsAskedLast() => ScriptedRound.Run(
        _votes, _votes, _sendsWhenAsked, round => AssertVerified(round), round => round[0].LeftQuestionIn = round[1].LeftQuestionIn = Step - 1);

    [Test]
    public void WhoLeftAQuestionLongAgoIsAskedLikeTheOthers() => ScriptedRound.Run(
        _sendsWhenAsked, _votes, _votes, round => AssertVerified(round), round => round[0].LeftQuestionIn = Step - 64);

    [Test]
    public void WhoHasPromisedIsNotAsked() => ScriptedRound.Run(
        _votes, rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right), _votes, round => AssertVerified(round));

    [Test]
    public void WhoHasPromisedAndNotSentYetIsNotAskedEither() => ScriptedRound.Run(
        _votes,
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
            rank.HasSpoken();
            Thread.Sleep(30);
            rank.SendVector(ScriptedRound.Right);
        },
        _votes,
        round => AssertVerified(round));

    [Test]
    public void AVectorThatIsNotItsBallotsIsBlamedAndTheNextHolderAsked() => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, _wrong),
        _sendsWhenAsked,
        _votes,
        round =>
        {
            AssertVerified(round, Named(0, Fault.VectorMismatch));
            Assert.That(round[0].LeftQuestionIn, Is.EqualTo(Step));
            Assert.That(round.State.Tried, Is.EqualTo(new[] { ScriptedRound.Members[0] }));
        });

    /// <summary>Rank 0 has hashed memory that is its own: what the sender makes of its vector from then on changes nothing.</summary>
    [Test]
    public void AVectorThatItsSenderChangesWhenItIsVerifiedStaysAsItWasHashed()
    {
        byte[] message = [];
        ScriptedRound.Run(
            rank =>
            {
                rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
                message = rank.SendVector(ScriptedRound.Right);
            },
            _votes,
            _votes,
            round =>
            {
                Array.Fill(message, (byte)64);
                AssertVerified(round);
            });
    }

    /// <summary>In one process rank 0 takes a vector where it was computed, with the digest that was made of it there.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void AVectorThatLiesWhereRank0ReadsItIsNeitherCopiedNorHashed(bool isItsBallots)
    {
        TaskCompletionSource<VectorSlot> shared = new();
        ScriptedRound.Run(
            rank =>
            {
                VectorSlot slot = shared.Task.Result;
                rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
                rank.SendFrom(slot, ScriptedRound.Right, isItsBallots ? ScriptedRound.RightBallot : _wrongBallot);
            },
            isItsBallots ? _votes : _sendsWhenAsked,
            _votes,
            round =>
            {
                VectorSlot slot = shared.Task.Result;
                Assert.That(ReferenceEquals(round.State.Winner, slot), Is.EqualTo(isItsBallots), "no copy");
                Assert.That(slot.Holders, Is.EqualTo(isItsBallots ? 2 : 1), "rank 0 holds what it is to join");
                round.GiveBack(slot);
                AssertVerified(round, isItsBallots ? [] : [Named(0, Fault.VectorMismatch)]);
            },
            round => shared.SetResult(round.TakeSlot()));
    }

    [Test]
    public void AnEmptyVectorIsBlamedAndTheNextHolderAsked() => ScriptedRound.Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
            rank.Send(MessageKind.Vector, []);
        },
        _sendsWhenAsked,
        _votes,
        round => AssertVerified(round, Named(0, Fault.VectorMismatch)));

    [Test]
    public void WhoPromisesAVectorAndIsRefusedIsNotWaitedFor() => ScriptedRound.Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
            rank.Send([1, 2, 3]);
        },
        _sendsWhenAsked,
        _votes,
        round => AssertVerified(round, Named(0, Fault.Protocol)));

    /// <summary>A tenth of a second here: what a question has.</summary>
    [Test]
    public void WhoPromisesAVectorIsNotWaitedForAlone() => ScriptedRound.Run(
        rank => rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows),
        _sendsWhenAsked,
        _votes,
        round =>
        {
            AssertVerified(round);
            Assert.That(round[0].VectorsDue, Is.EqualTo(1), "it may still come");
        });

    [Test]
    public void AVectorOfAnotherBallotDoesNotCount() => ScriptedRound.Run(
        rank =>
        {
            rank.VoteAndSend(_wrongBallot, _wrong);
            rank.ShowLeaves(_wrong, leaf: 0);
        },
        _sendsWhenAsked,
        _votes,
        round => AssertVerified(round, new Blame(Step, ScriptedRound.Members[0], ScriptedRound.Group, Fault.Dissent, 1, 3, ScriptedRound.Right[3], 5)));

    [Test]
    public void AGroupInWhichNobodySendsIsVoidByTime() => ScriptedRound.Run(
        _votes,
        _votes,
        _votes,
        round =>
        {
            AssertVoid(round, byTime: true);
            Assert.That(round.State.Tried, Is.EquivalentTo(ScriptedRound.Members));
            Assert.That(round.Record.Blames, Is.Empty, "they may still answer");
        },
        options: ScriptedRound.Options(patience: 0.2f));

    [Test]
    public void AGroupWhoseVectorsAreAllWrongIsVoidAtOnceAndNotByTime()
    {
        long start = Stopwatch.GetTimestamp();
        ScriptedRound.Run(
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, _wrong),
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, _wrong),
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, _wrong),
            round =>
            {
                AssertVoid(round, byTime: false);
                Assert.That(round.Record.Blames, Is.EquivalentTo(new[] { Named(0, Fault.VectorMismatch), Named(1, Fault.VectorMismatch), Named(2, Fault.VectorMismatch) }));
            });
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(ScriptedRound.Patience / 2));
    }

    [Test]
    public void AGroupThatDisagreesIsVoid() => ScriptedRound.Run(
        rank => rank.VoteAndSend(_wrongBallot, _wrong),
        rank => rank.Vote(_otherWrongBallot),
        _votes,
        round =>
        {
            AssertVoid(round, byTime: false);
            Assert.That(round.Record.Blames, Is.Empty, "nobody knows who is right");
            Assert.That(round.Record.Missing, Is.Empty);
        });

    /// <summary>Two of three that agree win although the third is silent; without them it decides.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void WhoIsSilentIsNamedAndWaitedForNoLongerThanThePatience(bool othersAgree)
    {
        const float patience = 0.3f;
        long start = Stopwatch.GetTimestamp();
        ScriptedRound.Run(
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
            rank => rank.Vote(othersAgree ? ScriptedRound.RightBallot : _wrongBallot),
            _saysNothing,
            round =>
            {
                Assert.That(round.Record.Blames, Is.EqualTo(new[] { Named(2, Fault.Absent) }));
                Assert.That(round.Record.Missing, Is.EqualTo(new[] { ScriptedRound.Members[2] }));
                Assert.That((round[2].IsAbsent, round[2].WasNamedAbsent), Is.EqualTo((true, true)));
                Assert.That(round.Record.Notices, Has.Count.EqualTo(1));
                Assert.That(round.Record.Notices[0], Does.StartWith($"rank {ScriptedRound.Members[2]} on host{ScriptedRound.Members[2]} has said nothing for 0.").And.Contain($"in step {Step};"));
                Assert.That(round.State.State, Is.EqualTo(othersAgree ? GroupState.Verified : GroupState.Void));
                Assert.That(round.Record.VoidsByTime, Is.EqualTo(othersAgree ? [] : new[] { ScriptedRound.Group }));
            },
            options: ScriptedRound.Options(patience));
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.GreaterThan(0.9 * patience).And.LessThan(ScriptedRound.LongWait));
    }

    [Test]
    public void WhoIsAbsentIsWaitedForNoMore()
    {
        long start = Stopwatch.GetTimestamp();
        ScriptedRound.Run(
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
            _votes,
            _saysNothing,
            round =>
            {
                AssertVerified(round);
                Assert.That(round.Record.Missing, Is.EqualTo(new[] { ScriptedRound.Members[2] }));
                Assert.That(round.Record.Notices, Is.Empty);
            },
            round => round[2].IsAbsent = true);
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(ScriptedRound.Patience / 2));
    }

    [Test]
    public void WhoWasNamedBeforeIsAbsentAgainWithoutANotice() => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
        _votes,
        _saysNothing,
        round =>
        {
            AssertVerified(round, Named(2, Fault.Absent));
            Assert.That(round.Record.Notices, Is.Empty);
        },
        round => round[2].WasNamedAbsent = true,
        ScriptedRound.Options(patience: 0.2f));

    [Test]
    public void AVoidGroupThatComputesOnceMoreAgrees() => ScriptedRound.Run(
        Recomputes(_thirdWrong, ScriptedRound.Right, sends: false),
        Recomputes(_otherWrong, ScriptedRound.Right, sends: true),
        Recomputes(_wrong, _wrong, sends: false, shows: true),
        round =>
        {
            AssertVerified(round, new Blame(Step, ScriptedRound.Members[2], ScriptedRound.Group, Fault.Dissent, 1, 3, ScriptedRound.Right[3], 5));
            Assert.That(round[0].Asked, Is.EqualTo(MessageKind.None), "it has answered");
        },
        options: ScriptedRound.Options() with { OnVoid = OnVoid.Recompute });

    [Test]
    public void AVoidGroupComputesOnceMoreAndNoOftener() => ScriptedRound.Run(
        Recomputes(_wrong, _wrong, sends: false),
        Recomputes(_otherWrong, _otherWrong, sends: false),
        Recomputes(ScriptedRound.Right, ScriptedRound.Right, sends: false),
        round =>
        {
            AssertVoid(round, byTime: false);
            Assert.That(round.Record.Blames, Is.Empty);
            Assert.That(round.State.IsRepeated, Is.True);
        },
        options: ScriptedRound.Options() with { OnVoid = OnVoid.Recompute });

    /// <summary>The two others agree while it still computes: its first ballot is none to hold against it.</summary>
    [Test]
    public void WhoIsStillComputingOnceMoreIsJudgedByItsSecondBallot() => ScriptedRound.Run(
        Recomputes(_wrong, ScriptedRound.Right, sends: true),
        rank =>
        {
            rank.Vote(_otherWrongBallot);
            rank.Hear(MessageKind.Recompute);
            Thread.Sleep(100);
            rank.Vote(ScriptedRound.RightBallot, HeadFlags.Again);
        },
        Recomputes(ScriptedRound.Right, ScriptedRound.Right, sends: false),
        round => AssertVerified(round),
        options: ScriptedRound.Options() with { OnVoid = OnVoid.Recompute });

    [Test]
    public void AWrongMessageInPlaceOfASecondBallotIsAWrongOne() => ScriptedRound.Run(
        Recomputes(_wrong, ScriptedRound.Right, sends: true),
        rank =>
        {
            rank.Vote(_otherWrongBallot);
            rank.Hear(MessageKind.Recompute);
            rank.Send([1, 2, 3]);
        },
        Recomputes(ScriptedRound.Right, ScriptedRound.Right, sends: false),
        round =>
        {
            AssertVerified(round, Named(1, Fault.Protocol));
            Assert.That(round[1].Ballot, Is.EqualTo(Ballot.Invalid));
        },
        options: ScriptedRound.Options() with { OnVoid = OnVoid.Recompute });

    [Test]
    public void WhereMajoritiesSufficeNobodyElseIsWaitedFor()
    {
        long start = Stopwatch.GetTimestamp();
        ScriptedRound.Run(
            rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
            _saysNothing,
            _votes,
            round =>
            {
                AssertVerified(round);
                Assert.That(round.Record.Missing, Is.EqualTo(new[] { ScriptedRound.Members[1] }));
                Assert.That(round[1].IsAbsent, Is.False);
                Assert.That(round[1].Pay(Step), Is.EqualTo(ScriptedRound.RightBallot), "what a late ballot is compared with");
            },
            options: ScriptedRound.Options() with { Wait = Wait.Majority });
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.LessThan(ScriptedRound.Patience / 2));
    }

    [Test]
    public void WhereMajoritiesSufficeWhoOwesForTooLongIsAbsent() => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
        _saysNothing,
        _votes,
        round =>
        {
            AssertVerified(round, Named(1, Fault.Absent));
            Assert.That(round[1].IsAbsent, Is.True);
        },
        round =>
        {
            round[1].Owe(Step);
            Thread.Sleep(250);
        },
        ScriptedRound.Options(patience: 0.2f) with { Wait = Wait.Majority });

    /// <summary>The third rank is spare, and hears that it is wanted only where the other two cannot make a majority.</summary>
    [TestCase(true)]
    [TestCase(false)]
    public void ASpareRankIsCalledWhereTheOthersDisagree(bool theyAgree) => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
        rank =>
        {
            rank.HasSpoken();
            Thread.Sleep(50);
            rank.Vote(theyAgree ? ScriptedRound.RightBallot : _wrongBallot);
        },
        rank =>
        {
            if (theyAgree) return;
            rank.Hear(MessageKind.Proceed);
            rank.Vote(ScriptedRound.RightBallot);
        },
        round =>
        {
            Assert.That(round.State.State, Is.EqualTo(GroupState.Verified));
            Assert.That(round.Hurried.Distinct(), Is.EqualTo(theyAgree ? [] : new[] { ScriptedRound.Members[2] }));
        },
        round => round[2].IsSpare = true,
        ScriptedRound.Options() with { Wait = Wait.Majority });

    [Test]
    public void NoRankIsSpareWhereAllAreWaitedFor() => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
        _votes,
        _votes,
        round =>
        {
            round[0].IsSpare = true;
            round.Round.ChooseSpares(Step + 1);
            Assert.That(round.Round.Ranks.Select(rank => rank.IsSpare), Is.All.False);
        });

    [Test]
    public void AsManyAsAMajorityNeedsComputeFirstOtherOnesInEachStep() => Chosen(round =>
    {
        List<int> spares = [];
        for (long step = Step + 1; step <= Step + 3; step++)
        {
            round.Round.ChooseSpares(step);
            Assert.That(round.Round.Ranks.Count(rank => rank.IsSpare), Is.EqualTo(2), "one of each group");
            spares.Add(ScriptedRound.Members.Single(rank => round.Round.Ranks[rank].IsSpare));
        }

        Assert.That(spares, Is.EquivalentTo(ScriptedRound.Members), "each once in three steps");
    });

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void WhoErredLastComputesLast(int member) => Chosen(round =>
    {
        round[0].DissentedIn = round[1].DissentedIn = round[2].DissentedIn = Step - 2;
        round[member].DissentedIn = Step - 1;
        for (long step = Step + 1; step <= Step + 3; step++)
        {
            round.Round.ChooseSpares(step);
            Assert.That(ScriptedRound.Members.Where(rank => round.Round.Ranks[rank].IsSpare), Is.EqualTo(new[] { ScriptedRound.Members[member] }), $"step {step}");
        }
    });

    [Test]
    public void WhoIsNotHereIsSpare() => Chosen(round =>
    {
        round[0].IsAbsent = true;
        round[2].Owe(Step + 1);
        round.Round.ChooseSpares(Step + 2);
        Assert.That((round[0].IsSpare, round[1].IsSpare, round[2].IsSpare), Is.EqualTo((true, false, true)));
    });

    private static void Chosen(Action<ScriptedRound> check) => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right),
        _votes,
        _votes,
        round =>
        {
            foreach (Conversation rank in round.Round.Ranks) rank.Pay(Step);
            check(round);
        },
        options: ScriptedRound.Options() with { Wait = Wait.Majority });

    /// <summary>Votes for one vector, and for another one when it has computed once more.</summary>
    private static Action<ScriptedRank> Recomputes(float[] vector, float[] again, bool sends, bool shows = false) => rank =>
    {
        rank.Vote(ScriptedRound.BallotOf(vector));
        rank.Hear(MessageKind.Recompute);
        rank.Vote(ScriptedRound.BallotOf(again), HeadFlags.Again | (sends ? HeadFlags.VectorFollows : HeadFlags.None));
        if (sends) rank.SendVector(again);
        if (shows) rank.ShowLeaves(again, leaf: 0);
    };

    private static Blame Named(int member, Fault fault) => new(Step, ScriptedRound.Members[member], ScriptedRound.Group, fault);

    private static void AssertVerified(ScriptedRound round, params Blame[] expected)
    {
        Assert.That(round.State.State, Is.EqualTo(GroupState.Verified));
        Assert.That(round.State.Majority, Is.EqualTo(ScriptedRound.RightBallot));
        Comparisons.BitEqual(ScriptedRound.Right, round.State.Winner!.Floats, "the winner's vector");
        Assert.That(round.Record.Blames, Is.EqualTo(expected));
        foreach (int member in ScriptedRound.Members) Assert.That(round.Round.Ranks[member].HasHeard, Is.True, $"rank {member} was asked what it did not expect");
        Assert.That((round.Record.Voids.Count, round.Record.VoidsByTime.Count), Is.EqualTo((0, 0)));
        Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 2), "all but the two winners'");
    }

    private static void AssertVoid(ScriptedRound round, bool byTime)
    {
        Assert.That(round.State.State, Is.EqualTo(GroupState.Void));
        Assert.That(round.Record.Voids, Is.EqualTo(new[] { ScriptedRound.Group }));
        Assert.That(round.Record.VoidsByTime, Is.EqualTo(byTime ? new[] { ScriptedRound.Group } : []));
        Assert.That(round.State.Winner, Is.Null);
        Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 1), "all but the other group's winner");
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What rank 0 makes of the messages of one rank, the last of a group whose others agree.</summary>
public sealed class RoundMessageTests
{
    private const long Step = ScriptedRound.Step;
    private static readonly Ballot _other = ScriptedRound.BallotOf(ScriptedRound.Wrong((3, 5)));

    private static int Rank => ScriptedRound.Members[2];

    [Test]
    public void AStepOfHonestRanksBlamesNobody() => Run(
        rank => rank.Vote(ScriptedRound.RightBallot),
        round =>
        {
            AssertBlamed(round);
            Assert.That(round.State.Majority, Is.EqualTo(ScriptedRound.RightBallot));
            Comparisons.BitEqual(ScriptedRound.Right, round.State.Winner!.Floats, "the winner's vector");
            Assert.That(round.State.Leaves, Is.EqualTo(ScriptedRound.LeavesOf(ScriptedRound.Right)));
            Assert.That(round.Record.VectorBytes, Is.EqualTo(2 * ScriptedRound.Floats * sizeof(float)), "one vector a group");
            Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 2), "all but the two winners'");
            Assert.That((round.Record.Missing, round.Record.Voids, round.Record.VoidsByTime, round.Record.Notices), Is.EqualTo((NoRanks, NoRanks, NoRanks, new List<string>())));
            Assert.That(round.Round.Ranks.Any(rank => rank.Owes), Is.False, "all have voted");
        });

    public static IEnumerable<TestCaseData> WrongMessages()
    {
        yield return Of("nothing in it", []);
        yield return Of("half a head", new byte[Head.Bytes / 2]);
        yield return Of("a head and a byte", new byte[Head.Bytes + 1]);
        yield return Of("as long as a last word", With(new Head { Step = Step, Kind = MessageKind.Bye, Length = 16 }, 16));
        yield return Of("a vector that nobody wants", With(new Head { Step = Step, Kind = MessageKind.Vector, Length = VectorBytes }, VectorBytes));
        yield return Of("leaves that nobody asked for", With(new Head { Step = Step, Kind = MessageKind.Leaves }, 0));
        yield return Of("a leaf that nobody asked for", With(new Head { Step = Step, Kind = MessageKind.Leaf }, 0));
        yield return Of("no kind", With(new Head { Step = Step }, 0));
        yield return Of("a kind that there is not", With(new Head { Step = Step, Kind = (MessageKind)1000 }, 0));
        yield return Of("a ballot of the next step", With(new Head { Step = Step + 1, Kind = MessageKind.Ballot, Ballot = _other }, 0));
        yield return Of("a ballot of the last step", With(new Head { Step = Step - 1, Kind = MessageKind.Ballot, Ballot = _other }, 0));
        yield return Of("a ballot that says it is longer", With(new Head { Step = Step, Kind = MessageKind.Ballot, Length = 4, Ballot = _other }, 0));
        yield return Of("a ballot once more that nobody asked for", With(new Head { Step = Step, Kind = MessageKind.Ballot, Ballot = _other, Flags = HeadFlags.Again }, 0));
        yield return Of("no weights of the next step", With(new Head { Step = Step + 1, Kind = MessageKind.WeightsWanted }, 0));
        yield return Of("no weights of the last step", With(new Head { Step = Step - 1, Kind = MessageKind.WeightsWanted }, 0));
        yield return Of("no weights, longer", With(new Head { Step = Step, Kind = MessageKind.WeightsWanted, Length = 4 }, 0));
        yield return Of("its last word", With(new Head { Step = Step, Kind = MessageKind.Bye }, 0));

        static TestCaseData Of(string name, byte[] message) => new TestCaseData(message).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(WrongMessages))]
    public void AWrongMessageStandsForAWrongBallot(byte[] message) => Run(
        rank =>
        {
            rank.Send(message);
            rank.Vote(ScriptedRound.RightBallot);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol));
            Assert.That(round[2].Ballot, Is.EqualTo(Ballot.Invalid), "the ballot that came behind it is one too many");
            Assert.That((round[2].Owes, round[2].DissentedIn), Is.EqualTo((false, Step)));
            Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 2), "all but the two winners'");
        });

    [TestCaseSource(nameof(WrongMessages))]
    public void AWrongMessageBehindTheBallotChangesNothing(byte[] message) => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot);
            rank.Send(message);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol));
            Assert.That(round[2].Ballot, Is.EqualTo(ScriptedRound.RightBallot));
        });

    [Test]
    public void AWrongMessageOfAnAbsentRankIsHeardToo() => Run(
        rank => rank.Send([1, 2, 3]),
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol));
            Assert.That(round[2].IsAbsent, Is.False);
        },
        round => round[2].IsAbsent = true);

    [Test]
    public void AWrongMessageTakesBackThePromiseOfAVector() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot, HeadFlags.VectorFollows);
            rank.Send([1, 2, 3]);
            rank.SendVector(ScriptedRound.Right);
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol));
            Assert.That(round[2].VectorsDue, Is.Zero);
        });

    [Test]
    public void TheLongestTimesCount() => Run(
        rank => rank.Vote(ScriptedRound.RightBallot, computeSeconds: 2.5f, attackSeconds: 1.25f),
        round => Assert.That(round.Round.Told, Is.EqualTo((2.5, 1.25))));

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    [TestCase(-1f)]
    public void TimesThatAreNoneDoNotCount(float seconds) => Run(
        rank => rank.Vote(ScriptedRound.RightBallot, computeSeconds: seconds, attackSeconds: seconds),
        round => Assert.That(round.Round.Told, Is.EqualTo((0.0, 0.0))));

    [Test]
    public void DamagedWeightsAreNoDissent() => Run(
        rank => rank.Vote(Ballot.Invalid, HeadFlags.WeightsDamaged),
        round =>
        {
            AssertBlamed(round, Named(Fault.DamagedWeights));
            Assert.That((round[2].HasHeard, round[2].Dissents), Is.EqualTo((true, 0)), "nothing is asked");
        });

    [Test]
    public void WeightsAreWantedOnceAStep() => Run(
        rank =>
        {
            rank.Send(new Head { Step = Step, Kind = MessageKind.WeightsWanted, Flags = HeadFlags.NothingCame });
            rank.Vote(ScriptedRound.RightBallot);
        },
        round =>
        {
            AssertBlamed(round);
            Assert.That(round.WeightsWanted, Is.EqualTo(new[] { (Rank, HeadFlags.NothingCame) }));
            Assert.That(round[2].IsAbsent, Is.False, "it has spoken");
        },
        round => round[2].IsAbsent = true);

    [Test]
    public void WeightsThatAreWantedTwiceAreAWrongMessage() => Run(
        rank =>
        {
            rank.Send(new Head { Step = Step, Kind = MessageKind.WeightsWanted });
            rank.Send(new Head { Step = Step, Kind = MessageKind.WeightsWanted });
        },
        round =>
        {
            AssertBlamed(round, Named(Fault.Protocol));
            Assert.That(round.WeightsWanted, Is.EqualTo(new[] { (Rank, HeadFlags.None) }));
        });

    [Test]
    public void WeightsOfAnOlderStepAreGone() => Run(
        rank =>
        {
            rank.Send(new Head { Step = Step - 1, Kind = MessageKind.WeightsWanted });
            rank.Vote(ScriptedRound.RightBallot);
        },
        round =>
        {
            AssertBlamed(round);
            Assert.That(round.WeightsWanted, Is.Empty);
            Assert.That((round[2].Ballot, round[2].IsAbsent), Is.EqualTo((ScriptedRound.RightBallot, false)));
        },
        round =>
        {
            round[2].Owe(Step - 1);
            round[2].Owe(Step);
            round[2].IsAbsent = true;
        });

    /// <summary>The step before had another majority, or none that is known.</summary>
    [TestCase(true, false, true)]
    [TestCase(true, true, false)]
    [TestCase(false, false, false)]
    public void ALateBallotIsComparedWithItsOwnStepsMajority(bool isKnown, bool isDamaged, bool isBlamed) => Run(
        rank => rank.Vote(ScriptedRound.RightBallot, isDamaged ? HeadFlags.WeightsDamaged : HeadFlags.None, Step - 1),
        round =>
        {
            AssertBlamed(round, isBlamed ? [new Blame(Step - 1, Rank, ScriptedRound.Group, Fault.Dissent)] : []);
            Assert.That(round.LetProceed, Does.Contain(Rank), "it may take up this step");
            Assert.That(round[2].Ballot, Is.Null, "a late ballot is none of this step");
            Assert.That(round.Record.Missing, Is.EqualTo(new[] { Rank }));
        },
        round =>
        {
            round[2].Owe(Step - 1);
            if (isKnown) round[2].Remember(Step - 1, _other);
        });

    /// <summary>A ballot of the last step, or what is none, while its group still votes on this one.</summary>
    [TestCase(Wait.All, true)]
    [TestCase(Wait.All, false)]
    [TestCase(Wait.Majority, true)]
    [TestCase(Wait.Majority, false)]
    public void WhoIsLateMayTakeUpThisStep(Wait wait, bool votes) => Run(
        rank =>
        {
            if (votes) rank.Vote(ScriptedRound.RightBallot, step: Step - 1);
            else rank.Send([1, 2, 3]);
        },
        round =>
        {
            Assert.That(round.LetProceed, Does.Contain(Rank));
            Assert.That((round[2].Owes, round[2].Ballot), Is.EqualTo((false, (Ballot?)null)));
        },
        round => round[2].Owe(Step - 1),
        ScriptedRound.Options() with { Wait = wait });

    [Test]
    public void ALateBallotThatAgreesIsNotBlamed() => Run(
        rank => rank.Vote(_other, step: Step - 1),
        round => AssertBlamed(round),
        round =>
        {
            round[2].Owe(Step - 1);
            round[2].Remember(Step - 1, _other);
        });

    [Test]
    public void AVectorThatComesLateIsTakenAndThrownAway() => Run(
        rank =>
        {
            rank.Vote(_other, HeadFlags.VectorFollows, Step - 1);
            rank.SendVector(ScriptedRound.Right, Step - 1);
        },
        round =>
        {
            AssertBlamed(round);
            Assert.That(round[2].VectorsDue, Is.Zero);
            Assert.That(round.FreeSlots, Is.EqualTo(ScriptedRound.SlotCount - 2), "all but the two winners'");
        },
        round => round[2].Owe(Step - 1));

    [Test]
    public void AnEmptyVectorIsBlamedUnderItsOwnStep() => Run(
        rank =>
        {
            rank.Vote(_other, HeadFlags.VectorFollows, Step - 1);
            rank.Send(MessageKind.Vector, [], Step - 1);
        },
        round => AssertBlamed(round, new Blame(Step - 1, Rank, ScriptedRound.Group, Fault.VectorMismatch)),
        round => round[2].Owe(Step - 1));

    /// <summary>A vector, leaves or a leaf.</summary>
    [TestCase("vector")]
    [TestCase("leaves")]
    [TestCase("leaf")]
    public void WhoVotesAgainHasNotAnswered(string asked) => Run(
        rank => rank.Vote(ScriptedRound.RightBallot),
        round =>
        {
            AssertBlamed(round, new Blame(Step - 1, Rank, ScriptedRound.Group, Fault.NoAnswer));
            Assert.That((round[2].LeftQuestionIn, round[2].Asked, round[2].VectorsDue), Is.EqualTo((Step - 1, MessageKind.None, 0)));
        },
        round => round[2].Ask(asked switch { "vector" => MessageKind.SendVector, "leaves" => MessageKind.SendLeaves, _ => MessageKind.SendLeaf }, Step - 1));

    [Test]
    public void AnAnswerThatComesLateIsNoFault() => Run(
        rank =>
        {
            rank.Send(MessageKind.Leaves, ScriptedRound.LeavesOf(ScriptedRound.Right), Step - 1);
            rank.Vote(ScriptedRound.RightBallot);
        },
        round =>
        {
            AssertBlamed(round);
            Assert.That(round[2].Asked, Is.EqualTo(MessageKind.None));
        },
        round => round[2].Ask(MessageKind.SendLeaves, Step - 1));

    /// <summary>What memory its ranks took; who does not say so is waited for until it is absent.</summary>
    [Test]
    public void TheLastWordsAreAwaited() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot);
            rank.HasEnded();
            RankTally tally = new() { PeakBytes = 1L << 40, DeviceBytes = 3L << 33, ComputeSeconds = 2 };
            rank.Send(MessageKind.Bye, MemoryMarshal.AsBytes(new ReadOnlySpan<RankTally>(in tally)));
        },
        round =>
        {
            foreach (Conversation rank in round.Round.Ranks) rank.HasLeft = rank != round[2];
            round[2].IsAbsent = true;
            IReadOnlyList<RankTally?> told = round.Round.AwaitLeaving(TimeSpan.FromSeconds(ScriptedRound.LongWait));
            Assert.That(told.OfType<RankTally>(), Is.EqualTo(new[] { new RankTally { PeakBytes = 1L << 40, DeviceBytes = 3L << 33, ComputeSeconds = 2 } }));
            Assert.That(round[2].Tally, Is.Not.Null);
            Assert.That((round[2].HasLeft, round[2].IsAbsent), Is.EqualTo((true, false)));
            AssertBlamed(round);
        });

    /// <summary>What a rank tells is its own word: numbers that cannot be are left out.</summary>
    [Test]
    public void ALastWordThatCannotBeIsNotBelieved() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot);
            rank.HasEnded();
            RankTally tally = new() { PeakBytes = 1, ComputeSeconds = double.NaN };
            rank.Send(MessageKind.Bye, MemoryMarshal.AsBytes(new ReadOnlySpan<RankTally>(in tally)));
        },
        round =>
        {
            foreach (Conversation rank in round.Round.Ranks) rank.HasLeft = rank != round[2];
            Assert.That(round.Round.AwaitLeaving(TimeSpan.FromSeconds(ScriptedRound.LongWait)), Has.All.Null);
            Assert.That(round[2].HasLeft, Is.True);
        });

    [Test]
    public void WhoEndsHasNotAnswered() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot);
            rank.HasEnded();
            rank.Send(MessageKind.Bye, new byte[Unsafe.SizeOf<RankTally>()]);
        },
        round =>
        {
            foreach (Conversation rank in round.Round.Ranks) rank.HasLeft = rank != round[2];
            round[2].Ask(MessageKind.SendLeaves, Step);
            round.Round.AwaitLeaving(TimeSpan.FromSeconds(ScriptedRound.LongWait));
            AssertBlamed(round, Named(Fault.NoAnswer));
        });

    [Test]
    public void WhoSendsSomethingElseAtTheEndHasLeft() => Run(
        rank =>
        {
            rank.Vote(ScriptedRound.RightBallot);
            rank.HasEnded();
            rank.Send([1, 2, 3]);
        },
        round =>
        {
            foreach (Conversation rank in round.Round.Ranks) rank.HasLeft = rank != round[2];
            Assert.That(round.Round.AwaitLeaving(TimeSpan.FromSeconds(ScriptedRound.LongWait)), Has.All.Null);
            Assert.That(round[2].HasLeft, Is.True);
            AssertBlamed(round);
        });

    private static readonly List<int> NoRanks = [];

    private static int VectorBytes => ScriptedRound.Floats * sizeof(float);

    private static byte[] With(Head head, int bytes)
    {
        byte[] message = new byte[Head.Bytes + bytes];
        MemoryMarshal.Write(message, in head);
        return message;
    }

    private static void Run(Action<ScriptedRank> last, Action<ScriptedRound> check, Action<ScriptedRound>? prepare = null, TrainOptions? options = null) => ScriptedRound.Run(
        rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right), rank => rank.Vote(ScriptedRound.RightBallot), last, check, prepare, options);

    private static Blame Named(Fault fault) => new(Step, Rank, ScriptedRound.Group, fault);

    private static void AssertBlamed(ScriptedRound round, params Blame[] expected)
    {
        Assert.That(round.State.State, Is.EqualTo(GroupState.Verified));
        Assert.That(round.Record.Blames, Is.EqualTo(expected));
    }
}

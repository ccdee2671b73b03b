using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What does not hold up a step at rank 0: a message that is still coming, rank 0's own worker, and who will not answer. An answer has longer here
/// than a test lasts.</summary>
public sealed class RoundProgressTests
{
    private const long Step = ScriptedRound.Step;
    private static readonly float[] _wrong = ScriptedRound.Wrong((1500, 5));
    private static readonly Ballot _wrongBallot = ScriptedRound.BallotOf(_wrong);
    private static readonly Action<ScriptedRank> _votes = rank => rank.Vote(ScriptedRound.RightBallot);
    private static readonly Action<ScriptedRank> _sends = rank => rank.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right);
    private static readonly Action<ScriptedRank> _votesTwice = rank =>
    {
        _votes(rank);
        rank.InNext(static again => again.Vote(ScriptedRound.RightBallot, step: Step + 1));
    };

    private static readonly Action<ScriptedRank> _sendsTwice = rank =>
    {
        _sends(rank);
        rank.InNext(static again => again.VoteAndSend(ScriptedRound.RightBallot, ScriptedRound.Right, Step + 1));
    };

    /// <summary>The vector comes to its end when the second rank has been heard, and behind it waits another message of its rank. The third rank wakes rank 0.</summary>
    [Test]
    public void AVectorThatIsStillComingHoldsUpNobody()
    {
        using ManualResetEventSlim hasSent = new();
        ScriptedRound.Run(
            rank =>
            {
                _sends(rank);
                rank.Send([1, 2, 3]);
                hasSent.Set();
            },
            rank =>
            {
                hasSent.Wait();
                _votes(rank);
            },
            rank =>
            {
                rank.HasSpoken();
                Thread.Sleep(50);
                _votes(rank);
            },
            round =>
            {
                AssertVerified(round, new Blame(Step, ScriptedRound.Members[0], ScriptedRound.Group, Fault.Protocol));
                Assert.That(round.Record.Missing, Is.Empty);
            },
            ScriptedSetting.LongAnswers with
            {
                Decorate = world => new SlowCommunicator(world, message => !IsVector(message, ScriptedRound.Members[0]) || message.To.Heard.Contains((ScriptedRound.Members[1], 1))),
            });
    }

    /// <summary>It has more of what it sends there at the second look at it.</summary>
    [Test]
    public void TheVectorOfRankZerosOwnWorkerMayStillBeComingToo([Values(1, 2, 3)] int looks) => ScriptedRound.Run(
        _sends,
        _votes,
        _votes,
        round =>
        {
            AssertVerified(round);
            GroupRound own = round.Round.Groups[1 - ScriptedRound.Group];
            Assert.That((own.State, own.Source), Is.EqualTo((GroupState.Verified, 0)));
            Comparisons.BitEqual(ScriptedRound.Right, own.Winner!.Floats, "the vector of rank 0's own worker");
        },
        ScriptedSetting.LongAnswers with
        {
            OwnVector = ScriptedRound.Right,
            Sender = _votes,
            Prepare = round =>
            {
                // The others of its group are asked after it.
                foreach (int member in ScriptedRound.Groups.Members(1 - ScriptedRound.Group))
                    if (member != 0) round.Round.Ranks[member].LeftQuestionIn = Step - 1;
            },
            Decorate = world => new SlowCommunicator(world, message => !IsVector(message, source: 0) || message.Looks >= looks),
        });

    /// <summary>Rank 0's own group is decided last, and no step waits for its dissenter: it is asked in the very last look.</summary>
    [Test]
    public void WhatRankZerosOwnWorkerAnswersIsTakenBeforeTheStepEnds() => ScriptedRound.Run(
        _sends,
        _votes,
        _votes,
        round => AssertVerified(round, new Blame(Step, 0, 1 - ScriptedRound.Group, Fault.Dissent, Leaves: 1)),
        new ScriptedSetting
        {
            Options = ScriptedRound.Options() with { Wait = Wait.Majority },
            OwnVector = _wrong,
            Decorate = world => new SlowCommunicator(
                world, message => !IsVector(message, ScriptedRound.Groups.Members(1 - ScriptedRound.Group)[1]) || message.To.Heard.Contains((ScriptedRound.Members[0], VectorFloats))),
        });

    /// <summary>Each is asked for its vector, and does not send it.</summary>
    [TestCase("another")]
    [TestCase("none")]
    [TestCase("a wrong message")]
    public void WhereAHolderFailsTheNextOneIsAskedAtOnce(string sent) => ScriptedRound.Run(
        rank =>
        {
            _votes(rank);
            rank.Hear(MessageKind.SendVector);
            if (sent == "another") rank.SendVector(_wrong);
            else if (sent == "none") rank.Send(MessageKind.Vector, []);
            else rank.Send([1, 2, 3]);
        },
        rank =>
        {
            _votes(rank);
            rank.Hear(MessageKind.SendVector);
            rank.SendVector(ScriptedRound.Right);
        },
        _votes,
        round =>
        {
            Fault fault = sent == "a wrong message" ? Fault.Protocol : Fault.VectorMismatch;
            AssertVerified(round, new Blame(Step, ScriptedRound.Members[0], ScriptedRound.Group, fault));
            Assert.That((round.State.Source, round.State.Tried), Is.EqualTo((ScriptedRound.Members[1], new[] { ScriptedRound.Members[0] })));
        },
        ScriptedSetting.LongAnswers);

    /// <summary>One sends what is none; the other answers afterwards.</summary>
    [Test]
    public void OfTwoDissentersOneIsGivenUpAndTheOtherAwaited()
    {
        using ManualResetEventSlim hasFailed = new();
        ScriptedRound.Run(
            _sends,
            rank =>
            {
                rank.Vote(_wrongBallot);
                rank.Hear(MessageKind.SendLeaves);
                rank.Send([1, 2, 3]);
                hasFailed.Set();
            },
            _votes,
            round =>
            {
                int other = ScriptedRound.Groups.Members(1 - ScriptedRound.Group).ToArray().Single(rank => round.Round.Ranks[rank].Dissents > 0);
                Assert.That(round.Record.Blames, Is.EquivalentTo(new[]
                {
                    new Blame(Step, ScriptedRound.Members[1], ScriptedRound.Group, Fault.Protocol),
                    new Blame(Step, ScriptedRound.Members[1], ScriptedRound.Group, Fault.Dissent),
                    new Blame(Step, other, 1 - ScriptedRound.Group, Fault.Dissent, 1, 1500, ScriptedRound.Right[1500], _wrong[1500]),
                }));
            },
            ScriptedSetting.LongAnswers with
            {
                Voter = rank =>
                {
                    rank.Vote(_wrongBallot);
                    rank.HasSpoken();
                    hasFailed.Wait();

                    // Rank 0 has taken note of it by now.
                    Thread.Sleep(100);
                    rank.ShowLeaves(_wrong, leaf: 1);
                },
            });
    }

    /// <summary>In the step before it dissented, or sent in place of its ballot what is none.</summary>
    [Test]
    public void AStepBeginsWithoutTheDissentersOfTheLastOne([Values] bool wasRefused, [Values] bool dissents)
    {
        float[] next = ScriptedRound.Wrong((2100, 6));
        ScriptedRound.Run(
            _sendsTwice,
            rank =>
            {
                if (wasRefused)
                {
                    rank.Send([1, 2, 3]);
                }
                else
                {
                    rank.Vote(_wrongBallot);
                    rank.ShowLeaves(_wrong, leaf: 1);
                }

                rank.InNext(again => again.Vote(dissents ? ScriptedRound.BallotOf(next) : ScriptedRound.RightBallot, step: Step + 1));
                if (dissents) rank.ShowLeaves(next, leaf: 2, Step + 1);
            },
            _votesTwice,
            round =>
            {
                round.RunNext();
                Blame[] expected = dissents
                    ? [new Blame(Step + 1, ScriptedRound.Members[1], ScriptedRound.Group, Fault.Dissent, 1, 2100, ScriptedRound.Right[2100], next[2100])] : [];
                AssertVerified(round, expected);
            },
            ScriptedSetting.LongAnswers with { Sender = _sendsTwice, Voter = _votesTwice });
    }

    private static int VectorFloats => Head.Floats + ScriptedRound.Floats;

    private static bool IsVector(ComingMessage message, int source) => message.Source == source && message.Tag == Tag.ToServer && message.Values == VectorFloats;

    private static void AssertVerified(ScriptedRound round, params Blame[] expected)
    {
        Assert.That(round.Round.Groups.Select(group => group.State), Is.All.EqualTo(GroupState.Verified));
        Comparisons.BitEqual(ScriptedRound.Right, round.State.Winner!.Floats, "the winner's vector");
        Assert.That(round.Record.Blames, Is.EqualTo(expected));
        foreach (int member in ScriptedRound.Members) Assert.That(round.Round.Ranks[member].HasHeard, Is.True, $"rank {member} was asked what it did not expect");
    }
}

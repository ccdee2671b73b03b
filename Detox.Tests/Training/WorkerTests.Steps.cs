using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <content>Which step it takes up, when it holds back, and how it ends.</content>
public sealed partial class WorkerTests
{
    [Test]
    public void TheNewestOfSeveralStepsIsTakenUp() => Run(
        server =>
        {
            for (long step = Step; step < Step + 3; step++) server.LetProceed(step);
            server.Meet();
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 2));
            server.LetProceed(Step + 2);
            server.LetItWork();
            server.LetProceed(Step + 3);
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 3));
        },
        rank =>
        {
            rank.Meet();
            Assert.That(rank.VoteInNextStep(), Is.EqualTo(Step + 2));
            Assert.That(rank.VoteInNextStep(), Is.EqualTo(Step + 3), "a step in which it has voted is over");
        });

    [Test]
    public void ARankThatIsSpokenToAgainDoesNotCompute() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.Meet();
            server.LetProceed(Step + 1);
            server.Meet();
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 1));
        },
        rank =>
        {
            Assert.That(rank.Worker.NextStep(), Is.EqualTo(Step));
            rank.Meet();
            rank.Meet();
            Assert.That(rank.Worker.ComputeGradient(attacker: null), Is.False);
            Assert.That(rank.VoteInNextStep(), Is.EqualTo(Step + 1));
            Assert.That(rank.Asked, Is.EqualTo(new[] { (Step + 1, 5, 0) }), "what was computed");
            Assert.That(rank.Turns, Is.EqualTo((1, 1)), "the turn is kept");
        });

    /// <summary>It had a turn for a step that was over before it began.</summary>
    [Test]
    public void WhoHoldsBackGivesItsTurnToOthers() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.Meet();
            server.LetProceed(Step + 1, flags: HeadFlags.Spare, hold: 0.01f);
            server.Meet();
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 1));
        },
        rank =>
        {
            rank.World.Crowded = true;
            rank.Worker.NextStep();
            rank.Meet();
            rank.Meet();
            Assert.That(rank.Worker.ComputeGradient(attacker: null), Is.False);
            Assert.That(rank.Turns, Is.EqualTo((1, 0)), "turns taken and given back");
            Assert.That(rank.Worker.NextStep(), Is.EqualTo(Step + 1));
            Assert.That(rank.Turns, Is.EqualTo((1, 1)), "while it holds back");
            rank.Worker.ComputeGradient(attacker: null);
            rank.Worker.Vote();
            Assert.That(rank.Turns, Is.EqualTo((2, 2)), "after the step");
        });

    /// <summary>Where ranks outnumber cores a spare rank leaves them to the others for so long as rank 0 says.</summary>
    [TestCase(true, true, true, true)]
    [TestCase(false, true, true, false)]
    [TestCase(true, false, true, false)]
    [TestCase(true, true, false, false)]
    public void ASpareRankHoldsBack(bool isSpare, bool isCrowded, bool holdsBack, bool expected)
    {
        const float hold = 0.3f;
        Run(
            server =>
            {
                server.LetProceed(Step, flags: isSpare ? HeadFlags.Spare : HeadFlags.None, hold: hold);
                server.HearBallot();
            },
            rank =>
            {
                rank.World.Crowded = isCrowded;
                rank.Worker.NextStep();
                long start = Stopwatch.GetTimestamp();
                rank.Worker.ComputeGradient(attacker: null);
                Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, expected ? Is.GreaterThan(0.9 * hold) : Is.LessThan(0.8 * hold));
                rank.Worker.Vote();
            },
            holdsBack: holdsBack);
    }

    [Test]
    public void ASpareRankThatIsCalledHoldsBackNoLonger() => Run(
        server =>
        {
            server.LetProceed(Step, flags: HeadFlags.Spare, hold: 15);
            server.LetProceed(Step, flags: HeadFlags.None);
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step));
        },
        rank =>
        {
            rank.World.Crowded = true;
            while (true)
            {
                rank.Worker.NextStep();
                if (rank.Worker.ComputeGradient(attacker: null)) break;
            }

            rank.Worker.Vote();
        });

    [Test]
    public void TheLastWordTellsItsMemoryAndTheAnswerItsExitCode() => Run(
        server =>
        {
            server.Say(MessageKind.End);
            RankTally told = server.HearLastWord();
            Assert.That((told.PeakBytes, told.DeviceBytes, told.SentBytes, told.IsPlausible), Is.EqualTo((1L << 40, 3L << 33, 0L, true)));
            server.Say(MessageKind.SendLeaves);
            server.Say(MessageKind.Leave, 3);
        },
        rank =>
        {
            Assert.That(rank.Worker.NextStep(), Is.Null);
            rank.Worker.Leave(1L << 40, 3L << 33);
            rank.Worker.AwaitLeave();
            Assert.That(rank.Worker.ExitCode, Is.EqualTo(3));
        });

    /// <summary>It was away when rank 0 said that no step follows.</summary>
    [Test]
    public void WhoHearsOnlyTheVeryLastWordEndsToo() => Run(
        server => server.Say(MessageKind.Leave, 2),
        rank =>
        {
            Assert.That(rank.Worker.NextStep(), Is.Null);
            rank.Worker.Leave(1, 1);
            rank.Worker.AwaitLeave();
            Assert.That(rank.Worker.ExitCode, Is.EqualTo(2));
        });

    /// <summary>Rank 0's own worker waits for nothing.</summary>
    [Test]
    public void TheWorkerOfRankZeroAnswersWithoutWaiting() => Run(
        server =>
        {
            server.Meet();
            server.Say(MessageKind.SendLeaves);
            server.LetProceed(Step);
            server.Meet();
            server.Meet();
            server.AssertHears(MessageKind.Leaves, new byte[3 * BallotTree.DigestBytes(BallotKind.Blake3)], step: -1);
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step));
            server.Say(MessageKind.SendLeaves);
            server.LetProceed(Step + 1);
            server.Meet();
            server.AssertHears(MessageKind.Leaves, ScriptedRound.LeavesOf(Payload(Step, 0)));
            server.Meet();
            Assert.That(server.World.Probe(1, Tag.ToServer, out _, out _), Is.False, "nothing else was said");
        },
        rank =>
        {
            rank.Worker.TakeUp();
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(-1), "nobody has spoken");
            rank.Meet();
            rank.Meet();
            rank.Worker.TakeUp();
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(Step));
            rank.Worker.ComputeGradient(attacker: null);
            rank.Worker.Vote();
            rank.Meet();
            rank.Meet();
            rank.Worker.AnswerWhatIsAsked();
            rank.Meet();
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(Step), "it takes up no step");
        });
}

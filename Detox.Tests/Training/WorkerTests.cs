using System.Runtime.InteropServices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What a rank does that rank 0 speaks to: rank 1 of a group of three, and what rank 0 and rank 2 hear of it.</summary>
public sealed partial class WorkerTests
{
    /// <summary>Two whole leaves, and a part of one.</summary>
    private const int Floats = 2500;

    private const long Step = 7;
    private const float ComputeSeconds = 0.02f;

    [Test]
    public void AVoteIsTheBallotOfTheGradient() => Run(
        server =>
        {
            server.LetProceed(Step);
            Head vote = server.HearBallot();
            Assert.That((vote.Step, vote.Ballot, vote.Flags), Is.EqualTo((Step, BallotOf(Payload(Step, 0)), HeadFlags.None)));
            Assert.That(vote.AttackSeconds, Is.Zero);
            Assert.That(vote.ComputeSeconds, Is.GreaterThan(0.9f * ComputeSeconds).And.LessThan(10));
        },
        rank =>
        {
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(-1), "before any step");
            Assert.That(rank.Worker.NextStep(), Is.EqualTo(Step));
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(Step));
            Assert.That(rank.Worker.ComputeGradient(attacker: null), Is.True);
            rank.Worker.Vote();
            Assert.That(rank.Worker.HonestLoss, Is.EqualTo(Payload(Step, 0)[^1]));
            Assert.That(rank.Asked, Is.EqualTo(new[] { (Step, 5, 0) }), "step, group and attempt");
            Assert.That(rank.Turns, Is.EqualTo((1, 1)), "turns taken and given back");
        });

    [Test]
    public void WhoCompletesTheMajoritySendsItsVectorAtOnce() => Run(
        server =>
        {
            new GroupVote(server.World, [0, 1, 2]).Show(Step, BallotOf(Payload(Step, 0)));
            server.LetProceed(Step);
            Assert.That(server.HearBallot().Flags, Is.EqualTo(HeadFlags.VectorFollows));
            server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(Payload(Step, 0).AsSpan()));
        },
        rank => rank.VoteInNextStep());

    [Test]
    public void WhatRankZeroAsksIsAnswered() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.HearBallot();
            float[] payload = Payload(Step, 0);
            server.Say(MessageKind.SendLeaf, 2);
            server.AssertHears(MessageKind.Leaf, MemoryMarshal.AsBytes(payload.AsSpan(2048)));
            server.Say(MessageKind.SendLeaves);
            server.AssertHears(MessageKind.Leaves, ScriptedRound.LeavesOf(payload));
            server.Say(MessageKind.SendLeaf, 1);
            server.AssertHears(MessageKind.Leaf, MemoryMarshal.AsBytes(payload.AsSpan(1024, 1024)));
            server.Say(MessageKind.SendVector);
            server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(payload.AsSpan()));
            server.Say(MessageKind.End);
        },
        rank =>
        {
            rank.VoteInNextStep();
            Assert.That(rank.Worker.NextStep(), Is.Null, "no step follows");
        });

    [Test]
    public void ASecondBallotIsOfAPartThatIsComputedOnceMore() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.HearBallot();
            server.Say(MessageKind.Recompute);
            Head again = server.HearBallot();
            Assert.That((again.Step, again.Ballot, again.Flags), Is.EqualTo((Step, BallotOf(Payload(Step, 1)), HeadFlags.Again)));
            server.Say(MessageKind.SendVector);
            server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(Payload(Step, 1).AsSpan()));
            server.Say(MessageKind.End);
        },
        rank =>
        {
            rank.VoteInNextStep();
            Assert.That(rank.Worker.NextStep(), Is.Null);
        });

    [Test]
    public void AnAttackReplacesWhatIsSentButNotTheLoss() => Run(
        server =>
        {
            for (long step = Step; step < Step + 2; step++)
            {
                server.LetProceed(step);
                float[] expected = step == Step ? Array.ConvertAll(Payload(step, 0), _ => -100f) : Payload(step, 0);
                Assert.That(server.HearBallot().Ballot, Is.EqualTo(BallotOf(expected)), $"step {step}");
                server.Say(MessageKind.SendVector);
                server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(expected.AsSpan()), step);
            }

            server.Say(MessageKind.End);
        },
        rank =>
        {
            rank.VoteInNextStep(isByzantine: true);
            Assert.That(rank.Worker.HonestLoss, Is.EqualTo(Payload(Step, 0)[^1]));
            rank.VoteInNextStep(isByzantine: false);
            Assert.That(rank.Worker.NextStep(), Is.Null);
            Assert.That(rank.Turns, Is.EqualTo((2, 2)), "turns taken and given back");
        },
        attack: "constant");

    [Test]
    public void AnAttackReplacesASecondPayloadToo() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.HearBallot();
            server.Say(MessageKind.Recompute);
            Assert.That(server.HearBallot().Ballot, Is.EqualTo(BallotOf(Array.ConvertAll(Payload(Step, 1), value => -2 * value))));
            server.Say(MessageKind.End);
        },
        rank =>
        {
            rank.VoteInNextStep(isByzantine: true);
            Assert.That(rank.Worker.NextStep(), Is.Null);
        },
        attack: "reverse(scale=2)");

    /// <summary>Rank 0 takes them late: what is on its way stays as it is.</summary>
    [Test]
    public void WhatIsSentStaysUntilItIsTaken() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.HearBallot();
            float[] first = Payload(Step, 0), second = Payload(Step, 1);
            server.Say(MessageKind.SendLeaf, 0);
            server.Say(MessageKind.SendLeaf, 1);
            server.LetItWork();
            server.AssertHears(MessageKind.Leaf, MemoryMarshal.AsBytes(first.AsSpan(0, 1024)));
            server.AssertHears(MessageKind.Leaf, MemoryMarshal.AsBytes(first.AsSpan(1024, 1024)));
            server.Say(MessageKind.SendVector);
            server.Say(MessageKind.Recompute);
            server.LetItWork();
            server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(first.AsSpan()));
            server.HearBallot();
            server.Say(MessageKind.SendVector);
            server.LetProceed(Step + 1);
            server.LetItWork();
            server.AssertHears(MessageKind.Vector, MemoryMarshal.AsBytes(second.AsSpan()));
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 1));
        },
        rank =>
        {
            rank.VoteInNextStep();
            rank.VoteInNextStep();
        });

    [Test]
    public void MessagesThatNobodyTakesAreThrownAway() => Run(
        server =>
        {
            server.World.ImmediateSend<int>(new int[1], 1, Tag.Forged);
            server.LetProceed(Step);
            server.HearBallot();
            server.Meet();
            server.World.ImmediateSend<int>(new int[1], 1, Tag.Weights);
            server.Say(MessageKind.Leave);
        },
        rank =>
        {
            rank.VoteInNextStep();
            Assert.That(rank.World.Probe(0, Tag.Forged, out _, out _), Is.False, "in a step");
            rank.Meet();
            rank.Worker.AwaitLeave();
            Assert.That(rank.World.Probe(0, Tag.Weights, out _, out _), Is.False, "at the end");
        });

    [Test]
    public void ATurnIsGivenBackWhereNoStepFollows() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.Meet();
            server.Say(MessageKind.End);
            server.Meet();
        },
        rank =>
        {
            rank.Worker.NextStep();
            rank.Meet();
            rank.Meet();
            Assert.That(rank.Worker.ComputeGradient(attacker: null), Is.False);
            Assert.That(rank.Worker.NextStep(), Is.Null);
            Assert.That(rank.Turns, Is.EqualTo((1, 1)), "turns taken and given back");
        });

    [Test]
    public void AnEditedPayloadIsWhatIsVotedOnAndItsTimeIsTold() => Run(
        server =>
        {
            server.LetProceed(Step);
            float[] edited = Payload(Step, 0);
            edited[3] = 5;
            Head vote = server.HearBallot();
            Assert.That((vote.Ballot, vote.AttackSeconds), Is.EqualTo((BallotOf(edited), 1.5f)));
            server.LetProceed(Step + 1);
            Assert.That(server.HearBallot().AttackSeconds, Is.Zero, "in the next step");
        },
        rank =>
        {
            long? step = rank.Worker.NextStep();
            rank.Worker.ComputeGradient(new AttackContext(Seed: 1, step!.Value, Rank: 1));
            rank.Worker.EditPayload(message =>
            {
                Comparisons.BitEqual(Payload(Step, 0), message.Span[Head.Floats..], "the payload behind its head");
                message.Span[Head.Floats + 3] = 5;
                return 1.5f;
            });
            rank.Worker.Vote();
            rank.VoteInNextStep();
        },
        attack: "alie");

    /// <summary>Where attackers are told honest payloads, an honest rank's is read, and stays what it has computed.</summary>
    [Test]
    public void AnHonestPayloadIsReadAsItIs() => Run(
        server =>
        {
            server.LetProceed(Step);
            Assert.That(server.HearBallot().Ballot, Is.EqualTo(BallotOf(Payload(Step, 0))));
        },
        rank =>
        {
            rank.Worker.NextStep();
            rank.Worker.ComputeGradient(attacker: null);
            rank.Worker.EditPayload(message =>
            {
                Comparisons.BitEqual(Payload(Step, 0), message.Span[Head.Floats..], "the payload behind its head");
                return 0;
            });
            rank.Worker.Vote();
        },
        attack: "alie");

    /// <summary>Whoever computes for two steps with weights that it reads where rank 0 writes them has read no step's.</summary>
    [Test]
    public void WeightsThatWereOverwrittenMeanwhileAreDamagedOnes() => Run(
        server =>
        {
            server.LetProceed(Step);
            server.Meet();
            server.Overwrite(Step + 2);
            server.Meet();
            Head vote = server.HearBallot();
            Assert.That((vote.Ballot, vote.Flags), Is.EqualTo((Ballot.Invalid, HeadFlags.WeightsDamaged)));
        },
        rank =>
        {
            rank.WhileItComputes = () =>
            {
                rank.Meet();
                rank.Meet();
            };
            rank.VoteInNextStep();
        });

    [Test]
    public void WithDamagedWeightsItAbstains() => Run(
        server =>
        {
            server.LetProceed(Step, damage: true);
            server.AnswerWish(damage: true);
            Head vote = server.HearBallot();
            Assert.That((vote.Ballot, vote.Flags), Is.EqualTo((Ballot.Invalid, HeadFlags.WeightsDamaged)));
            server.Say(MessageKind.Recompute);
            Assert.That(server.HearBallot().Ballot, Is.EqualTo(Ballot.Invalid), "once more");
            server.Say(MessageKind.End);
        },
        rank =>
        {
            rank.VoteInNextStep();
            Assert.That(rank.Worker.NextStep(), Is.Null);
            Assert.That(rank.Asked, Is.Empty, "nothing was computed");
        });

    /// <summary>Another one for every step, and for every attempt.</summary>
    private static float[] Payload(long step, int attempt)
        => [.. Enumerable.Range(0, Floats).Select(i => (float)Math.Sqrt(i + (100 * step) + (10_000 * attempt)))];

    private static Ballot BallotOf(float[] payload) => ScriptedRound.BallotOf(payload);

    private static void Run(Action<ServerSide> server, Action<WorkerSide> worker, string attack = "none", bool holdsBack = true)
    {
        const int seconds = 5;
        using Barrier meeting = new(2);
        Task ranks = Task.Run(() => InProcessWorld.Run(3, inner =>
        {
            CrowdedCommunicator world = new(inner);
            using CpuDevice device = new(1);
            using ModelWeights weights = new(device, Floats);
            using WeightsSlots slots = new(world, Floats, writes: world.Rank == 0);
            if (world.Rank == 0)
            {
                server(new ServerSide(world, weights, slots, meeting));
                meeting.SignalAndWait(TimeSpan.FromSeconds(seconds));
            }

            if (world.Rank == 1)
            {
                using WorkerSide rank = new(world, weights, slots, device, attack, holdsBack, meeting);
                worker(rank);

                // What it sends is in its own memory.
                meeting.SignalAndWait(TimeSpan.FromSeconds(seconds));
            }
        }));
        if (Task.WaitAny([ranks], TimeSpan.FromSeconds(seconds)) < 0) Assert.Fail($"after {seconds} s a rank still waits");
        ranks.GetAwaiter().GetResult();
    }
}

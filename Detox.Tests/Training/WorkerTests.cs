using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What a rank does that rank 0 speaks to: rank 1 of a group of three, and what rank 0 and rank 2 hear of it.</summary>
public sealed class WorkerTests
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
            Assert.That(rank.Worker.ComputeGradient(isByzantine: false), Is.True);
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
        },
        attack: "constant");

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
            rank.Worker.NextStep();
            rank.Worker.ComputeGradient(isByzantine: false);
            rank.Worker.EditPayload(message =>
            {
                Comparisons.BitEqual(Payload(Step, 0), message.Span[Head.Floats..], "the payload behind its head");
                message.Span[Head.Floats + 3] = 5;
                return 1.5f;
            });
            rank.Worker.Vote();
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

    [Test]
    public void TheNewestOfSeveralStepsIsTakenUp() => Run(
        server =>
        {
            for (long step = Step; step < Step + 3; step++) server.LetProceed(step);
            server.Meet();
            Assert.That(server.HearBallot().Step, Is.EqualTo(Step + 2));
            server.LetProceed(Step + 2);
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
            Assert.That(rank.Worker.ComputeGradient(isByzantine: false), Is.False);
            Assert.That(rank.VoteInNextStep(), Is.EqualTo(Step + 1));
            Assert.That(rank.Asked, Is.EqualTo(new[] { (Step + 1, 5, 0) }), "what was computed");
            Assert.That(rank.Turns, Is.EqualTo((1, 1)), "the turn is kept");
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
                rank.Worker.ComputeGradient(isByzantine: false);
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
                if (rank.Worker.ComputeGradient(isByzantine: false)) break;
            }

            rank.Worker.Vote();
        });

    [Test]
    public void TheLastWordTellsItsMemoryAndTheAnswerItsExitCode() => Run(
        server =>
        {
            server.Say(MessageKind.End);
            Span<byte> body = stackalloc byte[2 * sizeof(long)];
            MemoryMarshal.Write(body, 1L << 40);
            MemoryMarshal.Write(body[sizeof(long)..], 3L << 33);
            server.AssertHears(MessageKind.Bye, body, step: -1);
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
            server.AssertHears(MessageKind.Leaves, new byte[3 * BallotTree.DigestBytes(BallotKind.Sha256)], step: -1);
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
            rank.Worker.ComputeGradient(isByzantine: false);
            rank.Worker.Vote();
            rank.Meet();
            rank.Meet();
            rank.Worker.AnswerWhatIsAsked();
            rank.Meet();
            Assert.That(rank.Worker.CurrentStep, Is.EqualTo(Step), "it takes up no step");
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

    /// <summary>Rank 0, as a test lets it speak.</summary>
    private sealed class ServerSide(CrowdedCommunicator world, ModelWeights weights, WeightsSlots slots, Barrier meeting)
    {
        public CrowdedCommunicator World => world;

        public void Meet() => meeting.SignalAndWait(TimeSpan.FromSeconds(ScriptedRound.LongWait));

        /// <summary>Lets rank 1 compute a step with weights that are on rank 0's board, damaged or not.</summary>
        public void LetProceed(long step, HeadFlags flags = HeadFlags.None, float hold = 0, bool damage = false)
        {
            weights.Values.Fill(step);
            slots.Write(step, weights.Bytes);
            if (damage) slots.Message(step).Span[Head.Bytes] ^= 1;
            Say(new Instruction
            {
                Head = new Head { Step = step, Kind = MessageKind.Proceed, Flags = flags },
                Xxh128 = weights.Xxh128(),
                PatienceSeconds = 10,
                HoldSeconds = hold,
            });
        }

        public void Say(MessageKind kind, int number = 0) => Say(new Instruction { Head = new Head { Step = Step, Kind = kind, Number = number } });

        public Head HearBallot()
        {
            Head[] head = new Head[1];
            Assert.That(world.Receive(head.AsSpan(), 1, Tag.ToServer), Is.EqualTo(1));
            Assert.That((head[0].Kind, head[0].Length), Is.EqualTo((MessageKind.Ballot, 0)));
            return head[0];
        }

        public void AssertHears(MessageKind kind, ReadOnlySpan<byte> body, long step = Step)
        {
            byte[] message = new byte[Head.Bytes + body.Length + 1];
            Assert.That(world.Receive(message.AsSpan(), 1, Tag.ToServer), Is.EqualTo(Head.Bytes + body.Length), $"bytes of the {kind}");
            Head head = MemoryMarshal.Read<Head>(message);
            Assert.That((head.Kind, head.Step, head.Length), Is.EqualTo((kind, step, body.Length)));
            Assert.That(message.AsSpan(Head.Bytes, body.Length).SequenceEqual(body), Is.True, $"what the {kind} holds");
        }

        /// <summary>Hears that rank 1 wants the weights, and sends them.</summary>
        public void AnswerWish(bool damage)
        {
            Head[] wish = new Head[1];
            world.Receive(wish.AsSpan(), 1, Tag.ToServer);
            Assert.That(wish[0].Kind, Is.EqualTo(MessageKind.WeightsWanted));
            byte[] message = slots.Message(wish[0].Step).ToArray();
            if (damage) message[^1] ^= 1;
            world.ImmediateSend<byte>(message, 1, Tag.Weights);
        }

        private void Say(Instruction instruction) => world.ImmediateSend<Instruction>(new[] { instruction }, 1, Tag.FromServer);
    }

    /// <summary>Rank 1, of group 5.</summary>
    private sealed class WorkerSide : IGradientSource, IDisposable
    {
        private readonly Barrier _meeting;

        public WorkerSide(CrowdedCommunicator world, ModelWeights weights, WeightsSlots slots, Device device, string attack, bool holdsBack, Barrier meeting)
        {
            World = world;
            _meeting = meeting;
            WeightsTaker taker = new(world, weights, slots, device, []);
            Worker = new Worker(world, [0, 1, 2], 5, device, this, weights, taker, Floats, BallotKind.Sha256, Attack.Parse(attack), seed: 1, threads: 1)
            {
                HoldsBack = holdsBack,
            };
        }

        public CrowdedCommunicator World { get; }

        public Worker Worker { get; }

        /// <summary>What was computed.</summary>
        public List<(long Step, int Group, int Attempt)> Asked { get; } = [];

        public (int Taken, int Given) Turns => (World.Taken, World.Given);

        public void Meet() => _meeting.SignalAndWait(TimeSpan.FromSeconds(ScriptedRound.LongWait));

        public long? VoteInNextStep(bool isByzantine = false)
        {
            long? step = Worker.NextStep();
            Worker.ComputeGradient(isByzantine);
            Worker.Vote();
            return step;
        }

        public void Compute(long step, int group, int attempt, View weights, View payload)
        {
            Assert.That(CpuDevice.Floats(weights)[0], Is.EqualTo(step), "the weights of the step");
            Asked.Add((step, group, attempt));
            Thread.Sleep(TimeSpan.FromSeconds(ComputeSeconds));
            Payload(step, attempt).CopyTo(CpuDevice.Floats(payload));
        }

        public void Dispose() => Worker.Dispose();
    }

    /// <summary>A communicator on whose node ranks may outnumber cores.</summary>
    private sealed class CrowdedCommunicator(Communicator inner) : ForwardingCommunicator(inner)
    {
        public bool Crowded { get; set; }

        public int Taken { get; private set; }

        public int Given { get; private set; }

        public override bool IsCrowded => Crowded;

        public override void TakeTurn(int threads) => Taken++;

        public override void GiveTurn() => Given++;
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <content>The two ranks that speak to each other.</content>
public sealed partial class WorkerTests
{
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
                Xxh128 = ModelWeights.Xxh128(weights.Bytes),
                PatienceSeconds = 10,
                HoldSeconds = hold,
            });
        }

        /// <summary>Writes a step's weights without a word.</summary>
        public void Overwrite(long step)
        {
            weights.Values.Fill(step);
            slots.Write(step, weights.Bytes);
        }

        public void Say(MessageKind kind, int number = 0) => Say(new Instruction { Head = new Head { Step = Step, Kind = kind, Number = number } });

        /// <summary>Time enough for rank 1 to do what it was told, if it does not wait.</summary>
        public void LetItWork() => Thread.Sleep(100);

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

        public RankTally HearLastWord()
        {
            byte[] message = new byte[Head.Bytes + Unsafe.SizeOf<RankTally>()];
            Assert.That(world.Receive(message.AsSpan(), 1, Tag.ToServer), Is.EqualTo(message.Length));
            Assert.That(MemoryMarshal.Read<Head>(message).Kind, Is.EqualTo(MessageKind.Bye));
            return MemoryMarshal.Read<RankTally>(message.AsSpan(Head.Bytes));
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
            Worker = new Worker(world, [0, 1, 2], 5, device, new OwnPayloads(this), weights, taker, Floats, BallotKind.Blake3, Attack.Parse(attack), threads: 1)
            {
                HoldsBack = holdsBack,
            };
        }

        public CrowdedCommunicator World { get; }

        public Worker Worker { get; }

        /// <summary>What was computed.</summary>
        public List<(long Step, int Group, int Attempt)> Asked { get; } = [];

        public (int Taken, int Given) Turns => (World.Taken, World.Given);

        /// <summary>Done when the weights have been looked at, and before the gradient is there.</summary>
        public Action WhileItComputes { get; set; } = static () => { };

        public void Meet() => _meeting.SignalAndWait(TimeSpan.FromSeconds(ScriptedRound.LongWait));

        public long? VoteInNextStep(bool isByzantine = false)
        {
            long? step = Worker.NextStep();
            Worker.ComputeGradient(isByzantine ? new AttackContext(Seed: 1, step!.Value, Rank: 1) : null);
            Worker.Vote();
            return step;
        }

        public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
        {
            Assert.That(CpuDevice.Floats(weights)[0], Is.EqualTo(step), "the weights of the step");
            Asked.Add((step, group, attempt));
            WhileItComputes();
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

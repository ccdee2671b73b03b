using System.Diagnostics;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>How a rank comes by the weights of a step, whoever carries them, and whom rank 0 blames.</summary>
public sealed partial class WeightsTests
{
    /// <summary>Some leaves of the tree, and a part of one.</summary>
    private const int Floats = 5000;

    private const long Step = 6;

    /// <summary>What a carrier is waited for where it does not come.</summary>
    private const float Patience = 0.2f;

    private const float LongPatience = 30;

    private static readonly int[] _oneNode = [0, 0, 0];
    private static readonly int[] _threeNodes = [0, 1, 2];

    [Test]
    public void WhatRankZeroHasWrittenIsTakenAsPromised() => Run(_oneNode[..2], rank =>
    {
        if (rank.Number == 0) rank.WriteOwn(Step);
        rank.World.Barrier();
        if (rank.Number == 1) rank.AssertTaken(Promise(0), Step);
        rank.World.Barrier();
        if (rank.Number == 0) Assert.That(rank.World.Probe(1, Tag.ToServer, out _, out _), Is.False, "nothing was asked for");
    });

    /// <summary>A rank that computes for so long that rank 0 writes the step after the next knows that it has read some of both.</summary>
    [Test]
    public void WhatIsReadInPlaceIsKnownToBeOverwritten() => Run(_oneNode[..2], rank =>
    {
        if (rank.Number == 0) rank.WriteOwn(Step);
        rank.World.Barrier();
        if (rank.Number == 1) rank.AssertTaken(Promise(0), Step);
        rank.World.Barrier();
        if (rank.Number == 0) rank.WriteOwn(Step + 1);
        rank.World.Barrier();
        if (rank.Number == 1) Assert.That(rank.Taker.AreStill(Step), Is.True, "while the next ones are written");
        rank.World.Barrier();
        if (rank.Number == 0) rank.WriteOwn(Step + 2);
        rank.World.Barrier();
        if (rank.Number == 1) Assert.That(rank.Taker.AreStill(Step), Is.False, "when those after the next are written");
    });

    /// <summary>In one process the ranks ask once for all; in the next step anew.</summary>
    [Test]
    public void WhatRanksOfAProcessReadIsCheckedOnceAStep() => Run(_oneNode[..1], rank =>
    {
        SharedCheck shared = new();
        rank.WriteOwn(Step);
        Assert.That(shared.IsPromised(rank.Slots, Promise(0)), Is.True);
        rank.Slots.Message(Step).Span[^1] ^= 1;
        Assert.That(shared.IsPromised(rank.Slots, Promise(0)), Is.True, "the same step once more");
        rank.WriteOwn(Step + 1);
        rank.Slots.Message(Step + 1).Span[^1] ^= 1;
        Assert.That(shared.IsPromised(rank.Slots, Promise(0, step: Step + 1)), Is.False, "damaged weights of the next step");
        rank.WriteOwn(Step + 1);
        Assert.That(shared.IsPromised(rank.Slots, Promise(0, step: Step + 1)), Is.False, "the same step once more");
        Assert.That(shared.IsPromised(rank.Slots, Promise(0, step: Step + 2)), Is.False, "weights that are not there");
    });

    /// <summary>A bit of the weights' first, some, or last float.</summary>
    [TestCase(0)]
    [TestCase(9_999)]
    [TestCase((Floats * sizeof(float)) - 1)]
    public void ADamagedBoardIsAskedForAtRankZero(int damaged) => Run(_oneNode[..2], rank =>
    {
        if (rank.Number == 0)
        {
            rank.WriteOwn(Step);
            rank.Slots.Message(Step).Span[Head.Bytes + damaged] ^= 1;
        }

        rank.World.Barrier();
        if (rank.Number == 1) rank.AssertTaken(Promise(0), Step);
        else rank.AnswerWish(1, HeadFlags.None, Message(Step, Weights(Step)));
    });

    [Test]
    public void WhatRankZerosOwnHandDamagesTooIsNotTaken() => Run(_oneNode[..2], rank =>
    {
        byte[] damaged = Message(Step, Weights(Step));
        damaged[^1] ^= 64;
        if (rank.Number == 0)
        {
            rank.WriteOwn(Step);
            damaged.CopyTo(rank.Slots.Message(Step));
        }

        rank.World.Barrier();
        if (rank.Number == 1) Assert.That(rank.Take(Promise(0)), Is.False);
        else rank.AnswerWish(1, HeadFlags.None, damaged);
    });

    [Test]
    public void WhoIsSpokenToAgainWaitsForNoWeights() => Run(_threeNodes[..2], rank =>
    {
        if (rank.Number == 1) Assert.That(rank.Take(Promise(0, Patience), () => true), Is.False);
    });

    /// <summary>Rank 0 hears late that it wanted the weights of the step before.</summary>
    [Test]
    public void AWishStaysAsItIsUntilItIsHeard() => Run(_threeNodes[..2], rank =>
    {
        if (rank.Number == 1)
        {
            Assert.That(rank.Take(Promise(0, Patience), () => true), Is.False);
            rank.AssertTaken(Promise(0, Patience, Step + 1), Step + 1);
            return;
        }

        // Long enough for rank 1 to want the next ones.
        Thread.Sleep(TimeSpan.FromSeconds(3 * Patience));
        rank.AnswerWish(1, HeadFlags.NothingCame, Message(Step, Weights(Step)));
        rank.AnswerWish(1, HeadFlags.NothingCame, Message(Step + 1, Weights(Step + 1)));
    });

    /// <summary>On another node and on the same one.</summary>
    [TestCase(new[] { 0, 1, 2 })]
    [TestCase(new[] { 0, 1, 1 })]
    public void ACarrierThatNeverSendsIsWaitedForAndNoLonger(int[] nodes) => Run(nodes, rank =>
    {
        // What the carrier has on its board is an older step's.
        if (rank.Number == 1) rank.WriteOwn(Step - 2);
        rank.World.Barrier();
        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.NothingCame, Message(Step, Weights(Step)));
        if (rank.Number != 2) return;
        long start = Stopwatch.GetTimestamp();
        rank.AssertTaken(Promise(1, Patience), Step);
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.GreaterThan(0.9 * Patience).And.LessThan(LongPatience / 2));
    });

    [Test]
    public void OtherWeightsOfTheRightLengthAreRefused() => Run(_threeNodes, rank =>
    {
        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.None, Message(Step, Weights(Step)));
        if (rank.Number == 1) rank.Send(2, Message(Step, Weights(Step + 1)));
        if (rank.Number == 2) rank.AssertTaken(Promise(1, LongPatience), Step);
    });

    [Test]
    public void OtherWeightsOnACarriersBoardAreRefused() => Run([0, 1, 1], rank =>
    {
        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.None, Message(Step, Weights(Step)));
        if (rank.Number == 1)
        {
            rank.Slots.Write(Step, Weights(Step + 1));
            rank.Send(2, Notice(Step));
        }

        if (rank.Number == 2) rank.AssertTaken(Promise(1, LongPatience), Step);
    });

    public static IEnumerable<TestCaseData> NoWeightsOfTheStep()
    {
        byte[] right = Message(Step, Weights(Step));
        yield return new TestCaseData(Array.Empty<byte>()).SetArgDisplayNames("nothing in it");
        yield return new TestCaseData(right[..^1]).SetArgDisplayNames("too short");
        yield return new TestCaseData(right[..Head.Bytes]).SetArgDisplayNames("a head alone");
        yield return new TestCaseData((byte[])[.. right, 0]).SetArgDisplayNames("too long");
        yield return new TestCaseData(new byte[1_000_000]).SetArgDisplayNames("far too long");
        yield return new TestCaseData(Message(Step - 2, Weights(Step))).SetArgDisplayNames("an older step");
        yield return new TestCaseData(Message(Step, Weights(Step), MessageKind.Vector)).SetArgDisplayNames("another kind");
    }

    [TestCaseSource(nameof(NoWeightsOfTheStep))]
    public void WhatIsNoMessageOfTheStepIsPassedOver(byte[] message) => Run(_threeNodes, rank =>
    {
        if (rank.Number == 1) rank.Send(2, message);
        rank.World.Barrier();
        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.NothingCame, Message(Step, Weights(Step)));
        if (rank.Number == 2) rank.AssertTaken(Promise(1, Patience), Step);
    });

    /// <summary>To the rank that waits for a carrier, and to the one that waits for rank 0 afterwards.</summary>
    [Test]
    public void TheRightWeightsAreTakenBehindAllOfThat() => Run(_threeNodes, rank =>
    {
        if (rank.Number != 2)
        {
            foreach (TestCaseData wrong in NoWeightsOfTheStep()) rank.Send(2, (byte[])wrong.Arguments[0]!);
            if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.NothingCame, Message(Step + 1, Weights(Step + 1)));
            else rank.Send(2, Message(Step, Weights(Step)));
            return;
        }

        rank.AssertTaken(Promise(1, LongPatience), Step);
        rank.AssertTaken(Promise(1, Patience, Step + 1), Step + 1);
    });

    [Test]
    public void ANoticeOfAnOlderStepIsNoNotice() => Run([0, 1, 1], rank =>
    {
        if (rank.Number == 1)
        {
            rank.WriteOwn(Step - 2);
            rank.Send(2, Notice(Step - 2));

            // The weights themselves, where a word is awaited, are none either.
            rank.Send(2, Message(Step, Weights(Step + 1)));
        }

        rank.World.Barrier();
        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.NothingCame, Message(Step, Weights(Step)));
        if (rank.Number == 2) rank.AssertTaken(Promise(1, Patience), Step);
    });

    /// <summary>Rank 1 has found other weights of the same xxh128, which is no digest against malice.</summary>
    [TestCase(new[] { 0, 1, 2 })]
    [TestCase(new[] { 0, 1, 1 })]
    [TestCase(new[] { 0, 0, 0 })]
    public void CarriedWeightsAreComparedByTheRootOfTheirTree(int[] nodes) => Run(nodes, rank =>
    {
        byte[] other = Message(Step, Weights(Step + 1));
        if (rank.Number == 1)
        {
            rank.Slots.Write(Step, other.AsSpan(Head.Bytes));
            rank.Send(2, nodes[2] == nodes[1] ? other[..Head.Bytes] : other);
        }

        if (rank.Number == 0) rank.AnswerWish(2, HeadFlags.None, Message(Step, Weights(Step)));
        if (rank.Number != 2) return;
        Instruction promised = Promise(1);
        promised.Xxh128 = XxHash128.HashToUInt128(other.AsSpan(Head.Bytes));
        rank.AssertTaken(promised, Step);
    });

    [Test]
    public void WhoReadsWhatRankZeroWroteNeedsNoRoot() => Run(_oneNode[..2], rank =>
    {
        if (rank.Number == 0) rank.WriteOwn(Step);
        rank.World.Barrier();
        Instruction promised = Promise(0);
        promised.Head.Ballot = Ballot.Invalid;
        if (rank.Number == 1) rank.AssertTaken(promised, Step);
    });

    /// <summary>Rank 1 is told by rank 0 alone, and passes on to rank 2 of its node and to rank 3.</summary>
    [Test]
    public void WhatCameLateIsPassedOnToo() => Run([0, 1, 1, 2], rank =>
    {
        Instruction promised = Promise(0, Patience);
        promised.AddChild(3);
        if (rank.Number == 0) rank.AnswerWish(1, HeadFlags.NothingCame, Message(Step, Weights(Step)));
        if (rank.Number == 1) rank.AssertTaken(promised, Step);
        if (rank.Number >= 2) rank.AssertTaken(Promise(1), Step);
        rank.World.Barrier();
        rank.Taker.Finish(TimeSpan.FromSeconds(LongPatience));
    });

    /// <summary>What rank 0 says of the right weights.</summary>
    private static Instruction Promise(int carrier, float patience = LongPatience, long step = Step)
    {
        using CpuDevice device = new(1);
        using ModelWeights right = new(device, Floats);
        Weights(step).CopyTo(right.Bytes);
        right.Send();
        UInt128 xxh128 = ModelWeights.Xxh128(right.Bytes);
        Ballot root = right.Root(right.Tree(device));
        Assert.That(xxh128, Is.EqualTo(XxHash128.HashToUInt128(right.Bytes)));
        return new Instruction
        {
            Head = new Head { Step = step, Kind = MessageKind.Proceed, Ballot = root },
            Xxh128 = xxh128,
            Carrier = carrier,
            PatienceSeconds = patience,
        };
    }

    /// <summary>The right weights of a step.</summary>
    private static byte[] Weights(long step)
    {
        Random random = new((int)step);
        float[] weights = new float[Floats];
        foreach (ref float weight in weights.AsSpan()) weight = random.NextSingle() - 0.5f;
        return MemoryMarshal.AsBytes(weights.AsSpan()).ToArray();
    }

    private static byte[] Message(long step, byte[] weights, MessageKind kind = MessageKind.Weights)
    {
        byte[] message = new byte[Head.Bytes + weights.Length];
        MemoryMarshal.Write(message, new Head { Step = step, Kind = kind, Length = weights.Length });
        weights.CopyTo(message, Head.Bytes);
        return message;
    }

    private static byte[] Notice(long step) => Message(step, Weights(step))[..Head.Bytes];

    /// <summary>A rank that waits for ever fails the test.</summary>
    /// <param name="leaves">Leaves of a piece of the weights: all of them where it is not said.</param>
    private static void Run(int[] nodes, Action<WeightsRank> body, int leaves = Blake3Pieces.UsualLeaves)
    {
        const int seconds = 20;
        Task ranks = Task.Run(() => InProcessWorld.Run(nodes.Length, inner =>
        {
            using WeightsRank rank = new(new NodesCommunicator(inner, nodes), leaves);
            body(rank);
            inner.Barrier();
        }));
        if (Task.WaitAny([ranks], TimeSpan.FromSeconds(seconds)) < 0) Assert.Fail($"after {seconds} s a rank still waits");
        ranks.GetAwaiter().GetResult();
    }

    /// <summary>What a rank has for its weights.</summary>
    private sealed class WeightsRank : IDisposable
    {
        private readonly CpuDevice _device = new(1);

        public WeightsRank(NodesCommunicator world, int leaves)
        {
            World = world;
            Leaves = leaves;
            Own = new ModelWeights(_device, Floats);
            Slots = new WeightsSlots(world, Floats, writes: true);
            Tree = Own.Tree(_device);
            int[] nodes = [.. world.Nodes];
            bool leads = Array.IndexOf(nodes, nodes[world.Rank]) == world.Rank && world.Rank > 0;
            int[] readers = leads ? [.. Enumerable.Range(0, world.Size).Where(other => other != world.Rank && nodes[other] == nodes[world.Rank])] : [];
            Taker = new WeightsTaker(world, Own, Slots, _device, readers, pieces: new WeightsPieces(Floats, leaves));
        }

        public NodesCommunicator World { get; }

        public int Number => World.Rank;

        public int Leaves { get; }

        public ModelWeights Own { get; }

        public WeightsSlots Slots { get; }

        public BallotTree Tree { get; }

        public WeightsTaker Taker { get; }

        public void WriteOwn(long step) => Slots.Write(step, Weights(step));

        public void Send(int destination, byte[] message) => World.ImmediateSend<byte>(message, destination, Tag.Weights);

        public bool Take(Instruction promised, Func<bool>? isSuperseded = null) => Taker.Take(promised, isSuperseded ?? (static () => false));

        public void AssertTaken(Instruction promised, long step)
        {
            Assert.That(Take(promised), Is.True, "whether the weights came");
            Comparisons.BitEqual(MemoryMarshal.Cast<byte, float>(Weights(step)), CpuDevice.Floats(Taker.View), $"the weights of step {step}");
            Assert.That(Taker.AreStill(step), Is.True, "whether they are still there");
        }

        /// <summary>For rank 0: hears that a rank wants the weights, and sends it a message.</summary>
        public void AnswerWish(int source, HeadFlags expected, byte[] message)
        {
            Head[] wish = new Head[1];
            World.Receive(wish.AsSpan(), source, Tag.ToServer);
            long step = MemoryMarshal.Read<Head>(message).Step;
            Assert.That((wish[0].Kind, wish[0].Step, wish[0].Flags), Is.EqualTo((MessageKind.WeightsWanted, step, expected)));
            Send(source, message);
        }

        public void Dispose()
        {
            Slots.Dispose();
            Own.Dispose();
            _device.Dispose();
        }
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The attacks on what a rank computes with.</summary>
public sealed class SampleAttackTests
{
    private const int Batch = 6, Groups = 2, Pixels = 4, Classes = 5;

    private static readonly SamplePlan _plan = new(Batch * Groups * 3, Groups, Batch, seed: 1);

    [TestCase("label-flip", Batch, new[] { 4, 3, 2, 1, 0 })]
    [TestCase("lazy", 3, new[] { 0, 1, 2, 3, 4 })]
    [TestCase("lazy(share=0.7)", 4, new[] { 0, 1, 2, 3, 4 })]
    [TestCase("lazy(share=0.01)", 1, new[] { 0, 1, 2, 3, 4 })]
    [TestCase("lazy(share=1)", Batch, new[] { 0, 1, 2, 3, 4 })]
    public void ThePayloadIsThatOfTheSpoiledSamples(string name, int count, int[] labelOf)
    {
        SampleAttack attack = (SampleAttack)Attack.Parse(name);
        using Bench bench = new();
        for (int step = 0; step < 3; step++)
        {
            float[] images = new float[Batch * Pixels];
            int[] labels = new int[Batch];
            new PartReader(new Numbers(), _plan, null).Read(step, 1, images, labels);
            float[] honest = bench.Gradient(images, labels);
            float[] spoiled = bench.Gradient(images[..(count * Pixels)], Array.ConvertAll(labels[..count], label => labelOf[label]));
            Comparisons.BitEqual(spoiled, bench.Compute(step, attack), $"{name}, step {step}");
            Comparisons.BitEqual(honest, bench.Compute(step, null), $"an honest rank's after it, step {step}");
            Comparisons.BitEqual(spoiled, bench.Compute(step, attack), $"once more, step {step}");
            if (name != "lazy(share=1)") Assert.That(spoiled, Is.Not.EqualTo(honest));
        }
    }

    /// <summary>Ranks of one process share gradients: attackers' among themselves, honest ranks' among themselves.</summary>
    [Test]
    public void SharedGradientsAreSharedAmongThoseThatHaveTheSameSamples()
    {
        SampleAttack attack = (SampleAttack)Attack.Parse("label-flip");
        using CpuDevice device = new(1);
        using DeviceBuffer weights = device.Allocate(1), payload = device.Allocate(Head.Floats + 2);
        Counting source = new();
        using VectorSlots slots = new(device, SharedGradients.MostVectors(Groups, 4), 2);
        using SharedGradients shared = new([(source, Tree(device))], Groups, slots);
        VectorSlot own = new(device, payload.All);
        IPayloadSource[] ranks = [shared.ForRank(), shared.ForRank(), shared.ForRank(), shared.ForRank()];
        for (int step = 0; step < 3; step++)
        {
            for (int rank = 0; rank < ranks.Length; rank++)
            {
                bool isSpoiled = rank % 2 == 1;
                VectorSlot payloadOfRank = ranks[rank].Compute(step, 1, 0, isSpoiled ? attack : null, weights.All, own);
                Assert.That(payloadOfRank.Floats.ToArray(), Is.EqualTo(new[] { step, isSpoiled ? 1f : 0 }), $"rank {rank}");
            }
        }

        Assert.That(source.Calls, Is.EqualTo(3 * 2));
    }

    /// <summary>A rank that is slow may still be sending its vector when the others compute the next ones.</summary>
    [Test]
    public void ASharedVectorStaysAsItIsUntilItsLastRankHasAnother()
    {
        using CpuDevice device = new(1);
        using DeviceBuffer weights = device.Allocate(1), payload = device.Allocate(Head.Floats + 2);
        using VectorSlots slots = new(device, SharedGradients.MostVectors(Groups, 2), 2);
        using SharedGradients shared = new([(new Counting(), Tree(device))], Groups, slots);
        VectorSlot own = new(device, payload.All);
        IPayloadSource slow = shared.ForRank(), quick = shared.ForRank();
        VectorSlot held = slow.Compute(0, 1, 0, null, weights.All, own);
        HashSet<VectorSlot> used = [held];
        for (int step = 1; step < 9; step++)
        {
            VectorSlot next = quick.Compute(step, 1, 0, null, weights.All, own);
            used.Add(next);
            Assert.That((held.Floats[0], next.Floats[0]), Is.EqualTo((0f, step)));
        }

        Assert.That(used, Has.Count.EqualTo(2), "vectors, those of ranks that have others are used again");
        Assert.That(slow.Compute(8, 1, 0, null, weights.All, own).Floats[0], Is.EqualTo(8f));
        for (int step = 9; step < 12; step++)
        {
            used.Add(quick.Compute(step, 1, 0, null, weights.All, own));
            used.Add(slow.Compute(step, 1, 0, null, weights.All, own));
        }

        Assert.That(used, Has.Count.EqualTo(2), "no more are needed");
    }

    /// <summary>Rank 0 reads a vector where it was computed, until it has joined it.</summary>
    [Test]
    public void ASharedVectorStaysAsItIsWhileRank0HoldsIt()
    {
        using CpuDevice device = new(1);
        using DeviceBuffer weights = device.Allocate(1), payload = device.Allocate(Head.Floats + 2);
        using VectorSlots slots = new(device, SharedGradients.MostVectors(Groups, 1) + 1, 2);
        using SharedGradients shared = new([(new Counting(), Tree(device))], Groups, slots);
        VectorSlot own = new(device, payload.All);
        IPayloadSource rank = shared.ForRank();
        VectorSlot sent = rank.Compute(0, 1, 0, null, weights.All, own);
        Assert.That(slots.TryHold(sent.Address), Is.SameAs(sent));
        for (int step = 1; step < 9; step++)
            Assert.That((rank.Compute(step, 1, 0, null, weights.All, own).Floats[0], sent.Floats[0]), Is.EqualTo((step, 0f)));
        slots.GiveBack(sent);
        Assert.That(slots.TryHold(sent.Address), Is.Null, "nobody has it any more");
        List<VectorSlot> free = [];
        while (slots.TryTake() is { } slot) free.Add(slot);
        Assert.That(free, Has.Some.SameAs(sent), "and others may");
    }

    /// <summary>What fails fails for every rank that wants it, and the next part is computed all the same.</summary>
    [Test]
    public void AFailureIsThrownInEveryRankThatWaitsForIt()
    {
        using CpuDevice device = new(1);
        using DeviceBuffer weights = device.Allocate(1), payload = device.Allocate(Head.Floats + 2);
        using VectorSlots slots = new(device, SharedGradients.MostVectors(Groups, 2), 2);
        using SharedGradients shared = new([(new Counting { FailsIn = 1 }, Tree(device))], Groups, slots);
        VectorSlot own = new(device, payload.All);
        IPayloadSource[] ranks = [shared.ForRank(), shared.ForRank()];
        for (int step = 0; step < 3; step++)
        {
            foreach (IPayloadSource rank in ranks)
            {
                VectorSlot Compute() => rank.Compute(step, 1, 0, null, weights.All, own);
                if (step == 1) Assert.That(Compute, Throws.TypeOf<IOException>());
                else Assert.That(Compute().Floats[0], Is.EqualTo((float)step));
            }
        }
    }

    /// <summary>One replica hashes; the others have the same ballot and leaves, also when a part was computed since.</summary>
    [Test]
    public void ASharedVectorIsHashedOnce()
    {
        using CpuDevice device = new(1);
        using DeviceBuffer weights = device.Allocate(1), payload = device.Allocate(Head.Floats + 2);
        using VectorSlots slots = new(device, SharedGradients.MostVectors(Groups, 2), 2);
        using SharedGradients shared = new([(new Counting(), Tree(device))], Groups, slots);
        VectorSlot own = new(device, payload.All);
        IPayloadSource[] ranks = [shared.ForRank(), shared.ForRank()];
        BallotTree tree = Tree(device);
        for (int step = 0; step < 3; step++)
        {
            Ballot[] ballots = new Ballot[2];
            for (int rank = 0; rank < 2; rank++) ballots[rank] = ranks[rank].Hash(ranks[rank].Compute(step, 1, 0, null, weights.All, own), tree);
            Assert.That(ballots[0], Is.EqualTo(ballots[1]));
            VectorSlot vector = ranks[0].Compute(step, 1, 0, null, weights.All, own);
            vector.Message.Span[Head.Floats] += 1;
            Assert.That(ranks[0].Hash(vector, tree), Is.EqualTo(ballots[0]), "what nobody may change is not hashed once more");
            vector.Message.Span[Head.Floats] -= 1;
            Assert.That(tree.Compute(vector.Payload), Is.EqualTo(ballots[0]));
        }
    }

    private static BallotTree Tree(CpuDevice device) => new(device, BallotKind.Blake3, 2);

    private sealed class Counting : IGradientSource
    {
        public int Calls { get; private set; }

        public long FailsIn { get; init; } = -1;

        public void Compute(long step, int group, int attempt, SampleAttack? attack, View weights, View payload)
        {
            Calls++;
            if (step == FailsIn) throw new IOException("no samples");
            ((float[])[step, attack is null ? 0 : 1]).CopyTo(CpuDevice.Floats(payload));
        }
    }

    private sealed class Bench : IDisposable
    {
        private readonly CpuDevice _device = new(1);
        private readonly Network _network;
        private readonly PartFeed _feed = new(new PartReader(new Numbers(), _plan, null), 3);
        private readonly DeviceBuffer _weights;
        private readonly DeviceBuffer _payload;

        public Bench()
        {
            _network = Network.Create("softmax", _device, 2, 2, 1, Classes, Batch);
            _weights = _device.Allocate(_network.StateLength);
            _payload = _device.Allocate(_network.PayloadLength);
            _network.Initialise(3, CpuDevice.Floats(_weights.All));
        }

        public float[] Gradient(float[] images, int[] labels)
        {
            _network.Gradient(_weights.All, images, labels, _payload.All);
            return [.. CpuDevice.Floats(_payload.All)];
        }

        public float[] Compute(long step, SampleAttack? attack)
        {
            new NetworkGradient(_network, _feed).Compute(step, 1, 0, attack, _weights.All, _payload.All);
            return [.. CpuDevice.Floats(_payload.All)];
        }

        public void Dispose()
        {
            _feed.Dispose();
            _weights.Dispose();
            _payload.Dispose();
            _network.Dispose();
            _device.Dispose();
        }
    }

    /// <summary>Samples whose pixels and label are their index.</summary>
    private sealed class Numbers : Dataset
    {
        public override string Name => "numbers";

        public override ImageShape Shape => new(2, 2, 1);

        public override int Classes => SampleAttackTests.Classes;

        public override int Count => Batch * Groups * 3;

        public override int Read(int index, Span<float> pixels)
        {
            for (int i = 0; i < pixels.Length; i++) pixels[i] = (float)Math.Sin(index + (7 * i));
            return index % Classes;
        }
    }
}

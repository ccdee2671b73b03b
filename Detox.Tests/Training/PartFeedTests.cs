using Detox.Gpu;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

public sealed class PartFeedTests
{
    private const int Samples = 60, Groups = 3, Batch = 4, Steps = 40;

    [Test]
    public void StepsOfOneGroupArePreparedAhead()
    {
        using PartFeed feed = Feed(new Numbers());
        for (int step = 0; step < Steps; step++) Expect(feed.Take(step, 1), step, 1);

        // The first two are not foreseen: only the second says that the group is asked for step by step.
        Assert.That(feed.Prepared, Is.EqualTo(Steps - 2));
    }

    [Test]
    public void ASecondAttemptGetsTheSamePartAndDisturbsNothing()
    {
        using PartFeed feed = Feed(new Numbers());
        for (int step = 0; step < Steps; step++)
        {
            PartSamples first = feed.Take(step, 2);
            Assert.That(feed.Take(step, 2), Is.SameAs(first));
            Expect(first, step, 2);
        }

        Assert.That(feed.Prepared, Is.EqualTo(Steps - 2));
    }

    [Test]
    public void AnyOrderGetsTheRightSamples()
    {
        using PartFeed feed = Feed(new Numbers());
        SeededRandom random = new(1);
        int step = 0, group = 0;
        for (int i = 0; i < 2000; i++)
        {
            // Half the time in turn, so that what was prepared is wanted as often as not.
            if (random.NextInt(2) == 0 && step + 1 < Steps) step++;
            else (step, group) = (random.NextInt(Steps), random.NextInt(Groups));
            Expect(feed.Take(step, group), step, group);
        }

        Assert.That(feed.Prepared, Is.GreaterThan(100));
    }

    [Test]
    public void NothingIsPreparedBeyondTheLastStep()
    {
        Numbers numbers = new();
        using (PartFeed feed = Feed(numbers))
            for (int step = 0; step < Steps; step++) feed.Take(step, 0);
        Assert.That(numbers.Reads, Is.EqualTo(Steps * Batch));
    }

    [Test]
    public void AFailureWhilePreparingIsThrownWhereThePartIsAskedFor()
    {
        Numbers numbers = new();
        using PartFeed feed = Feed(numbers);
        feed.Take(0, 0);
        numbers.FailsAfter = 2 * Batch;
        feed.Take(1, 0);
        Assert.That(() => feed.Take(2, 0), Throws.InstanceOf<IOException>().With.Message.EqualTo("unreadable"));
        numbers.FailsAfter = int.MaxValue;
        Expect(feed.Take(2, 0), 2, 0);
    }

    [Test]
    public void AFailureInThisThreadLeavesNoHalfReadPart()
    {
        Numbers numbers = new() { FailsAfter = 2 };
        using PartFeed feed = Feed(numbers);
        Assert.Throws<IOException>(() => feed.Take(0, 0));
        numbers.FailsAfter = int.MaxValue;
        Expect(feed.Take(0, 0), 0, 0);
    }

    [Test]
    public void DisposeWaitsForTheThread()
    {
        Numbers numbers = new() { Milliseconds = 20 };
        PartFeed feed = Feed(numbers);
        feed.Take(0, 0);
        feed.Take(1, 0);
        feed.Dispose();
        int reads = numbers.Reads;
        Thread.Sleep(100);
        Assert.That(numbers.Reads, Is.EqualTo(reads));
    }

    [Test]
    public void AStepAllocatesNothing()
    {
        // One epoch: another one needs another order.
        SamplePlan plan = new(Groups * Batch * 2000, Groups, Batch, 1);
        using PartFeed feed = new(new PartReader(new Numbers { Length = Groups * Batch * 2000 }, plan, new Augmentation(new(5, 5, 1), 1)), 2000);
        for (int step = 0; step < 10; step++) feed.Take(step, 0);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int step = 10; step < 2000; step++) feed.Take(step, 0);
        Assert.That(GC.GetTotalAllocatedBytes(precise: true) - before, Is.LessThan(20_000));
    }

    [Test]
    public void SamplesAreVariedByEpoch()
    {
        PartReader varied = new(new Numbers(), Plan(), new Augmentation(new(5, 5, 1), 1));
        PartReader plain = new(new Numbers(), Plan(), null);
        Augmentation augmentation = new(new(5, 5, 1), 1);
        int[] indices = new int[Batch], labels = new int[Batch];
        float[] images = new float[Batch * 25], unvaried = new float[Batch * 25], expected = new float[25];
        foreach (int step in (int[])[0, 7, 33])
        {
            Plan().Part(step, 1, indices);
            varied.Read(step, 1, images, labels);
            plain.Read(step, 1, unvaried, labels);
            for (int i = 0; i < Batch; i++)
            {
                augmentation.Apply(Plan().Epoch(step), indices[i], unvaried.AsSpan(i * 25, 25), expected);
                Comparisons.BitEqual(expected, images.AsSpan(i * 25, 25), $"step {step}, sample {i}");
            }
        }
    }

    private static SamplePlan Plan() => new(Samples, Groups, Batch, 1);

    private static PartFeed Feed(Numbers numbers) => new(new PartReader(numbers, Plan(), null), Steps);

    private static void Expect(PartSamples part, int step, int group)
    {
        int[] indices = new int[Batch];
        Plan().Part(step, group, indices);
        Assert.That(part.Labels, Is.EqualTo(indices), $"step {step}, group {group}");
        for (int i = 0; i < Batch; i++)
            Assert.That(part.Images[(i * 25) + 24], Is.EqualTo((indices[i] * 25) + 24), $"step {step}, group {group}, sample {i}");
    }

    /// <summary>Sample i has the label i and the pixels 25 i, 25 i + 1, ...</summary>
    private sealed class Numbers : Dataset
    {
        private int _reads;

        public int Length { get; init; } = Samples;

        public int Milliseconds { get; init; }

        public int FailsAfter { get; set; } = int.MaxValue;

        public int Reads => Volatile.Read(ref _reads);

        public override string Name => "numbers";

        public override ImageShape Shape => new(5, 5, 1);

        public override int Classes => Length;

        public override int Count => Length;

        public override int Read(int index, Span<float> pixels)
        {
            if (Milliseconds > 0) Thread.Sleep(Milliseconds);
            if (Interlocked.Increment(ref _reads) > FailsAfter) throw new IOException("unreadable");
            for (int k = 0; k < pixels.Length; k++) pixels[k] = (index * 25) + k;
            return index;
        }
    }
}

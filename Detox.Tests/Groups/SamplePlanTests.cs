using Detox.Mpi;
using Detox.Mpi.Groups;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
internal sealed class SamplePlanTests
{
    [TestCase(1000, 15, 32)]
    [TestCase(480, 15, 32)]
    [TestCase(97, 3, 5)]
    [TestCase(1, 1, 1)]
    public void AnEpochVisitsNoSampleTwice(int samples, int groups, int batch)
    {
        var plan = new SamplePlan(samples, groups, batch, 1);
        Assert.That(plan.StepsPerEpoch, Is.EqualTo(samples / (groups * batch)));
        for (int epoch = 0; epoch < 3; epoch++)
        {
            var seen = new HashSet<int>();
            for (int k = 0; k < plan.StepsPerEpoch; k++)
            {
                long step = ((long)epoch * plan.StepsPerEpoch) + k;
                Assert.That(plan.Epoch(step), Is.EqualTo(epoch));
                for (int group = 0; group < groups; group++)
                {
                    foreach (int i in Part(plan, step, group, batch))
                    {
                        Assert.That(i, Is.InRange(0, samples - 1));
                        Assert.That(seen.Add(i), $"step {step}, group {group}: sample {i} was there before");
                    }
                }
            }
        }
    }

    [Test]
    public void AnyOrderOfCallsFindsTheSameParts()
    {
        SamplePlan forwards = new(1000, 5, 32, 9), other = new(1000, 5, 32, 9);
        int[][] parts = [.. Enumerable.Range(0, 40).Select(step => Part(forwards, step, step % 5, 32))];
        for (int step = 39; step >= 0; step--) Assert.That(Part(other, step, step % 5, 32), Is.EqualTo(parts[step]));
    }

    [Test]
    public void EpochsAndSeedsDiffer()
    {
        var plan = new SamplePlan(1000, 5, 32, 9);
        Assert.That(Part(plan, 0, 0, 32), Is.Not.EqualTo(Part(plan, plan.StepsPerEpoch, 0, 32)));
        Assert.That(Part(plan, 0, 0, 32), Is.Not.EqualTo(Part(new(1000, 5, 32, 10), 0, 0, 32)));
        Assert.DoesNotThrow(() => Part(plan, long.MaxValue, 4, 32));
    }

    [Test]
    public void WithinAnEpochNothingIsAllocated()
    {
        var plan = new SamplePlan(1000, 5, 32, 9);
        var indices = new int[32];
        plan.Part(0, 0, indices);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < plan.StepsPerEpoch; step++) plan.Part(step, 3, indices);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void ThreadsInDifferentEpochsDoNotDisturb()
    {
        var shared = new SamplePlan(1000, 5, 32, 9);
        var wrong = new int[8];
        Thread[] threads = [.. Enumerable.Range(0, wrong.Length).Select(t => new Thread(() =>
        {
            var own = new SamplePlan(1000, 5, 32, 9);
            for (int step = t; step < 200; step++)
            {
                if (!Part(shared, step, t % 5, 32).AsSpan().SequenceEqual(Part(own, step, t % 5, 32))) wrong[t]++;
            }
        }))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.That(wrong, Is.All.Zero);
    }

    [TestCase(479, 15, 32, "15 groups x 32 = 480 samples", "--batch 31")]
    [TestCase(15, 15, 2, "15 groups x 2 = 30 samples", "--batch 1 fits")]
    [TestCase(10, 15, 1, "15 groups x 1 = 15 samples", "fewer ranks")]
    [TestCase(0, 1, 1, "holds 0", "fewer ranks")]
    [TestCase(10, 100_000, 100_000, "10000000000 samples", "fewer ranks")]
    [TestCase(10, 1, 0, "--batch 0", "at least 1")]
    public void TooSmallATrainingSet(int samples, int groups, int batch, string numbers, string hint)
    {
        DetoxException error = Assert.Throws<DetoxException>(() => new SamplePlan(samples, groups, batch, 1))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain(numbers).And.Contain(hint));
    }

    [Test]
    public void WrongArguments()
    {
        var plan = new SamplePlan(100, 5, 4, 1);
        Assert.That(() => plan.Part(0, 0, new int[3]), Throws.ArgumentException.With.Message.Contains("expected room for 4 indices, found 3"));
        Assert.Throws<ArgumentException>(() => plan.Part(0, 0, new int[5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Part(-1, 0, new int[4]));
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Part(-plan.StepsPerEpoch, 0, new int[4]), "the first step of the epoch before the first");
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Part(1, -1, new int[4]), "the last part of step 0");
        Assert.Throws<ArgumentOutOfRangeException>(() => plan.Part(0, 5, new int[4]));
        foreach (int groups in (int[])[0, -1]) Assert.Throws<ArgumentOutOfRangeException>(() => new SamplePlan(100, groups, 4, 1));
    }

    private static int[] Part(SamplePlan plan, long step, int group, int batch)
    {
        var indices = new int[batch];
        plan.Part(step, group, indices);
        return indices;
    }
}

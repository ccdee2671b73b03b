using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class DigitSetTests
{
    private const int Pixels = 28 * 28;

    /// <summary>A change of this digest is a change of the set: results of before and after cannot be compared.</summary>
    [Test]
    public void SamplesAreTheSameBitsEverywhere()
    {
        DataSplit split = DataSource.Open("digits", 1);
        Assert.Multiple(() =>
        {
            Assert.That(SampleDigest.Of(split.Training, 1000), Is.EqualTo("b73f76ec758374dbe86a586647f51879da051252a0e8cb7aa62bdde08d9e268d"));
            Assert.That(SampleDigest.Of(split.Test, 1000), Is.EqualTo("8bed4277f3f2adfd77837d9adcf1c109fb7b3a224e22e18d077f2d79d13025c5"));
        });
    }

    [Test]
    public void SizesAndBalance()
    {
        DataSplit split = DataSource.Open("digits", 7);
        foreach ((Dataset data, int count) in new[] { (split.Training, 20_000), (split.Test, 2_000) })
        {
            Assert.That((data.Count, data.Classes, data.Shape), Is.EqualTo((count, 10, new ImageShape(28, 28, 1))));
            Assert.That(RealData.Moments(data).PerClass, Is.All.EqualTo(count / 10));
        }
    }

    [Test]
    public void SampleDoesNotDependOnWhatWasReadBefore()
    {
        Dataset forwards = DataSource.Open("digits", 3).Training, backwards = DataSource.Open("digits", 3).Training;
        var there = new float[100][];
        for (int i = 0; i < 100; i++) forwards.Read(i, there[i] = new float[Pixels]);
        var back = new float[Pixels];
        for (int i = 99; i >= 0; i--)
        {
            backwards.Read(i, back);
            Assert.That(back, Is.EqualTo(there[i]), $"sample {i}");
        }
    }

    [Test]
    public void SeedsAndPartsAndIndicesDiffer()
    {
        var seen = new HashSet<string>();
        foreach (ulong seed in (ulong[])[0, 1, 2, ulong.MaxValue])
        {
            DataSplit split = DataSource.Open("digits", seed);
            foreach (Dataset data in (Dataset[])[split.Training, split.Test])
            {
                for (int i = 0; i < 50; i += 10) Assert.That(seen.Add(SampleDigest.Of(data, i, 1)), $"seed {seed}, {data.Name}, sample {i} was there before");
            }
        }
    }

    [Test]
    public void ManyThreadsReadTheSameBits()
    {
        string expected = SampleDigest.Of(DataSource.Open("digits", 5).Training, 200);
        Dataset shared = DataSource.Open("digits", 5).Training;
        var found = new string[45];
        Thread[] threads = [.. Enumerable.Range(0, found.Length).Select(t => new Thread(() => found[t] = SampleDigest.Of(shared, 200)))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.That(found, Is.All.EqualTo(expected));
    }

    [Test]
    public void OpeningDrawsNothing()
    {
        DataSource.Open("digits", 1).Training.Read(0, new float[Pixels]);
        long before = GC.GetAllocatedBytesForCurrentThread();
        DataSource.Open("digits", 2);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(200_000));
    }

    /// <summary>The set is worth a convolution: a linear classifier, trained until it stands still, stays well below LeNet's 98 %.</summary>
    [Test]
    public void SoftmaxRegressionStaysUnder92Percent()
    {
        DataSplit split = DataSource.Open("digits", 1);
        var softmax = new LinearClassifier(Pixels, 10);
        double accuracy = 0;
        foreach (float rate in (float[])[0.02f, 0.01f, 0.005f, 0.002f, 0.001f])
        {
            softmax.TrainOneEpoch(split.Training, batch: 100, rate);
            accuracy = softmax.Accuracy(split.Test);
            TestContext.Out.WriteLine($"rate {rate}: {accuracy:P2}");
            Assert.That(accuracy, Is.LessThan(0.92));
        }
        Assert.That(accuracy, Is.GreaterThan(0.75), "the trainer itself must work");
    }
}

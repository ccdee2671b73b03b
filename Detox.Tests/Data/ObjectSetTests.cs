using Detox.Mpi.Data;
using NUnit.Framework;

namespace Detox.Tests.Data;

[TestFixture]
internal sealed class ObjectSetTests
{
    private const int Pixels = 32 * 32 * 3;

    /// <summary>A change of this digest is a change of the set: results of before and after cannot be compared.</summary>
    [Test]
    public void SamplesAreTheSameBitsEverywhere()
    {
        DataSplit split = DataSource.Open("objects", 1);
        Assert.Multiple(() =>
        {
            Assert.That(SampleDigest.Of(split.Training, 500), Is.EqualTo("0d1687c8633dd5afa2cdc292ebc6407235257431ae09d752466eb943a10c87a5"));
            Assert.That(SampleDigest.Of(split.Test, 500), Is.EqualTo("0bd6d2f9e2c8e4a08381a73c22d62a7b8bbef686b1461832fb7ffaf3c28f8d68"));
        });
    }

    [Test]
    public void SizesAndBalanceAndScale()
    {
        DataSplit split = DataSource.Open("objects", 7);
        foreach ((Dataset data, int count) in new[] { (split.Training, 20_000), (split.Test, 2_000) })
        {
            Assert.That((data.Count, data.Classes, data.Shape), Is.EqualTo((count, 10, new ImageShape(32, 32, 3))));
            (double mean, double deviation, int[] perClass) = RealData.Moments(data);
            Assert.That(perClass, Is.All.EqualTo(count / 10));
            Assert.That(mean, Is.EqualTo(0).Within(0.05));
            Assert.That(deviation, Is.EqualTo(1).Within(0.05));
        }
    }

    [Test]
    public void SampleDoesNotDependOnWhatWasReadBefore()
    {
        Dataset forwards = DataSource.Open("objects", 3).Training, backwards = DataSource.Open("objects", 3).Training;
        string[] there = [.. Enumerable.Range(0, 50).Select(i => SampleDigest.Of(forwards, i, 1))];
        for (int i = 49; i >= 0; i--) Assert.That(SampleDigest.Of(backwards, i, 1), Is.EqualTo(there[i]), $"sample {i}");
    }

    [Test]
    public void SeedsAndPartsAndIndicesDiffer()
    {
        var seen = new HashSet<string>();
        foreach (ulong seed in (ulong[])[0, 1, 2, ulong.MaxValue])
        {
            DataSplit split = DataSource.Open("objects", seed);
            foreach (Dataset data in (Dataset[])[split.Training, split.Test])
            {
                for (int i = 0; i < 50; i += 10) Assert.That(seen.Add(SampleDigest.Of(data, i, 1)), $"seed {seed}, {data.Name}, sample {i} was there before");
            }
        }
    }

    [Test]
    public void ManyThreadsReadTheSameBits()
    {
        string expected = SampleDigest.Of(DataSource.Open("objects", 5).Training, 100);
        Dataset shared = DataSource.Open("objects", 5).Training;
        var found = new string[45];
        Thread[] threads = [.. Enumerable.Range(0, found.Length).Select(t => new Thread(() => found[t] = SampleDigest.Of(shared, 100)))];
        foreach (Thread thread in threads) thread.Start();
        foreach (Thread thread in threads) thread.Join();
        Assert.That(found, Is.All.EqualTo(expected));
    }

    /// <summary>The mean of a class's red, green or blue over 2,000 images strays by some 0.02 deviations by chance.</summary>
    [Test]
    public void ColoursDoNotTellTheClass()
    {
        Dataset data = DataSource.Open("objects", 1).Training;
        var sums = new double[10, 3];
        var pixels = new float[Pixels];
        for (int i = 0; i < data.Count; i++)
        {
            int label = data.Read(i, pixels);
            for (int k = 0; k < Pixels; k++) sums[label, k % 3] += pixels[k];
        }

        for (int label = 0; label < 10; label++)
        {
            for (int c = 0; c < 3; c++)
                Assert.That(sums[label, c] / (data.Count / 10) / 1024, Is.EqualTo(0).Within(0.08), $"class {label}, channel {c}");
        }
    }

    /// <summary>The set is worth a convolution: a small convolutional network reaches 98 %.</summary>
    [Test]
    public void LinearClassifierHardlyBeatsGuessing()
    {
        DataSplit split = DataSource.Open("objects", 1);
        var linear = new LinearClassifier(Pixels, 10);
        double seen = 0;
        foreach (float rate in (float[])[0.01f, 0.003f, 0.001f])
        {
            linear.TrainOneEpoch(split.Training, batch: 100, rate);
            Assert.That(linear.Accuracy(split.Test), Is.LessThan(0.25));
            seen = linear.Accuracy(split.Training);
        }

        TestContext.Out.WriteLine($"{seen:P2} of the training images");
        Assert.That(seen, Is.GreaterThan(0.12), "the trainer itself must work");
    }
}

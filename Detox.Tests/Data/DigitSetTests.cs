using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
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
            Assert.That(Digest(split.Training, 1000), Is.EqualTo("b73f76ec758374dbe86a586647f51879da051252a0e8cb7aa62bdde08d9e268d"));
            Assert.That(Digest(split.Test, 1000), Is.EqualTo("8bed4277f3f2adfd77837d9adcf1c109fb7b3a224e22e18d077f2d79d13025c5"));
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
                for (int i = 0; i < 50; i += 10) Assert.That(seen.Add(DigestOf(data, i)), $"seed {seed}, {data.Name}, sample {i} was there before");
            }
        }

        static string DigestOf(Dataset data, int i)
        {
            var pixels = new float[Pixels];
            data.Read(i, pixels);
            return Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(pixels.AsSpan())));
        }
    }

    [Test]
    public void ManyThreadsReadTheSameBits()
    {
        string expected = Digest(DataSource.Open("digits", 5).Training, 200);
        Dataset shared = DataSource.Open("digits", 5).Training;
        var found = new string[45];
        Thread[] threads = [.. Enumerable.Range(0, found.Length).Select(t => new Thread(() => found[t] = Digest(shared, 200)))];
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
        var softmax = new SoftmaxRegression(Pixels, 10);
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

    private static string Digest(Dataset data, int count)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var pixels = new float[Pixels];
        for (int i = 0; i < count; i++)
        {
            int label = data.Read(i, pixels);
            hash.AppendData([(byte)label]);
            hash.AppendData(MemoryMarshal.AsBytes(pixels.AsSpan()));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Plain stochastic gradient descent on a linear softmax classifier.</summary>
    private sealed class SoftmaxRegression(int inputs, int classes)
    {
        private readonly float[] _weights = new float[classes * inputs], _bias = new float[classes];

        public void TrainOneEpoch(Dataset data, int batch, float rate)
        {
            var pixels = new float[batch][];
            var slopes = new float[batch][];
            for (int b = 0; b < batch; b++) (pixels[b], slopes[b]) = (new float[inputs], new float[classes]);
            // A stride that shares no factor with the count visits every sample once.
            const long Stride = 7919;
            for (int start = 0; start + batch <= data.Count; start += batch)
            {
                for (int b = 0; b < batch; b++)
                {
                    int label = data.Read((int)((start + b) * Stride % data.Count), pixels[b]);
                    Probabilities(pixels[b], slopes[b]);
                    slopes[b][label] -= 1;
                }
                for (int c = 0; c < classes; c++)
                {
                    for (int b = 0; b < batch; b++)
                    {
                        Add(_weights.AsSpan(c * inputs, inputs), pixels[b], -rate / batch * slopes[b][c]);
                        _bias[c] -= rate / batch * slopes[b][c];
                    }
                }
            }
        }

        public double Accuracy(Dataset data)
        {
            int right = 0;
            var pixels = new float[inputs];
            var scores = new float[classes];
            for (int i = 0; i < data.Count; i++)
            {
                int label = data.Read(i, pixels);
                Probabilities(pixels, scores);
                if (scores.AsSpan().IndexOf(scores.Max()) == label) right++;
            }
            return (double)right / data.Count;
        }

        private void Probabilities(float[] x, float[] probabilities)
        {
            for (int c = 0; c < classes; c++) probabilities[c] = _bias[c] + Dot(_weights.AsSpan(c * inputs, inputs), x);
            float most = probabilities.Max();
            for (int c = 0; c < classes; c++) probabilities[c] = MathF.Exp(probabilities[c] - most);
            float sum = probabilities.Sum();
            for (int c = 0; c < classes; c++) probabilities[c] /= sum;
        }

        private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        {
            ReadOnlySpan<Vector4> left = MemoryMarshal.Cast<float, Vector4>(a), right = MemoryMarshal.Cast<float, Vector4>(b);
            Vector4 sum = Vector4.Zero;
            for (int i = 0; i < left.Length; i++) sum += left[i] * right[i];
            return sum.X + sum.Y + sum.Z + sum.W;
        }

        private static void Add(Span<float> a, ReadOnlySpan<float> b, float scale)
        {
            Span<Vector4> left = MemoryMarshal.Cast<float, Vector4>(a);
            ReadOnlySpan<Vector4> right = MemoryMarshal.Cast<float, Vector4>(b);
            for (int i = 0; i < left.Length; i++) left[i] += right[i] * scale;
        }
    }
}

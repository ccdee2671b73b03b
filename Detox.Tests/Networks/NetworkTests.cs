using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Networks;

public sealed class NetworkTests
{
    private static IEnumerable<(int Lanes, int Threads)> Devices => TestDevices.All;

    [TestCase("lenet", 431_080)]
    [TestCase("lenet-small", 18_378)]
    [TestCase("mlp", 1_033_510)]
    [TestCase("softmax", 7_850)]
    public void HasItsParameters(string model, int count)
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create(model, device, 28, 28, 1, 10, 1);
        Assert.That(network.ParameterCount, Is.EqualTo(count));
        Assert.That(network.Parameters.Sum(parameter => parameter.Length), Is.EqualTo(count));
        Assert.That(network.PayloadLength, Is.EqualTo(count + 1));
        Assert.That(network.Describe(count), Is.EqualTo("loss"));
    }

    [Test]
    public void AnElementIsDescribedByItsParameterAndPlace()
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create("lenet", device, 28, 28, 1, 10, 1);
        Assert.That(network.Describe(0), Is.EqualTo("conv1.weight[0,0,0,0]"));
        Assert.That(network.Describe((2 * 5 * 20) + (3 * 20) + 7), Is.EqualTo("conv1.weight[2,3,0,7]"));
        Assert.That(network.Describe(500), Is.EqualTo("conv1.bias[0]"));
        Assert.That(() => network.Describe(431_081), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void AnImageThatTheModelCannotTakeIsRefused()
    {
        using CpuDevice device = new(1);
        Assert.That(() => Network.Create("lenet", device, 8, 8, 1, 10, 1), Throws.ArgumentException.With.Message.Contains("conv2"));
        Assert.That(() => Network.Create("vgg", device, 28, 28, 1, 10, 1), Throws.ArgumentException.With.Message.Contains("lenet"));
    }

    [TestCase("lenet")]
    [TestCase("lenet-small")]
    [TestCase("mlp")]
    [TestCase("softmax")]
    public void EveryDeviceGivesThePayloadOfThePlainOne(string model)
    {
        float[] expected = Payload(model, (1, 1), 3);
        foreach ((int Lanes, int Threads) form in Devices) BitEqual(expected, Payload(model, form, 3), $"{form.Lanes} lanes, {form.Threads} threads");
    }

    [Test]
    public void LeNetsPayloadEqualsTheReferencesOneAfterAnother()
    {
        const int samples = 2;
        using CpuDevice device = new(1);
        using Network network = Network.Create("lenet", device, 28, 28, 1, 10, samples);
        float[] w = new float[network.ParameterCount], images = TestDevices.Random(samples * 784, 2);
        network.Initialise(7, w);
        int[] labels = [3, 8];
        ReadOnlySpan<float> Of(string name)
        {
            Parameter p = network.Parameters.Single(parameter => parameter.Name == name);
            return w.AsSpan(p.Offset, p.Length);
        }

        ConvolutionShape c1 = new(28, 28, 1, 5, 20), c2 = new(12, 12, 20, 5, 50), f1 = ConvolutionShape.Linear(800, 500), f2 = ConvolutionShape.Linear(500, 10);
        PoolShape p1 = new(24, 24, 20, 2), p2 = new(8, 8, 50, 2);
        float[] a1 = new float[samples * c1.OutputLength], b1 = new float[samples * p1.OutputLength], a2 = new float[samples * c2.OutputLength];
        float[] b2 = new float[samples * p2.OutputLength], a3 = new float[samples * 500], a4 = new float[samples * 10];
        ConvolutionForward.Reference(c1, samples, images, Of("conv1.weight"), Of("conv1.bias"), a1);
        MaxPoolForward.Reference(p1, samples, a1, b1);
        ReluForward.Reference(b1);
        ConvolutionForward.Reference(c2, samples, b1, Of("conv2.weight"), Of("conv2.bias"), a2);
        MaxPoolForward.Reference(p2, samples, a2, b2);
        ReluForward.Reference(b2);
        ConvolutionForward.Reference(f1, samples, b2, Of("fc1.weight"), Of("fc1.bias"), a3);
        ReluForward.Reference(a3);
        ConvolutionForward.Reference(f2, samples, a3, Of("fc2.weight"), Of("fc2.bias"), a4);

        float[] expected = new float[network.PayloadLength];
        Span<float> To(string name)
        {
            Parameter p = network.Parameters.Single(parameter => parameter.Name == name);
            return expected.AsSpan(p.Offset, p.Length);
        }

        float[] d4 = new float[a4.Length], d3 = new float[a3.Length], e2 = new float[b2.Length], d2 = new float[a2.Length], e1 = new float[b1.Length], d1 = new float[a1.Length];
        expected[^1] = SoftmaxCrossEntropy.Reference(a4, labels, 10, d4);
        ConvolutionBackwardWeights.Reference(f2, samples, a3, d4, To("fc2.weight"), To("fc2.bias"));
        ConvolutionBackwardInput.Reference(f2, samples, d4, Of("fc2.weight"), d3);
        ReluBackward.Reference(a3, d3);
        ConvolutionBackwardWeights.Reference(f1, samples, b2, d3, To("fc1.weight"), To("fc1.bias"));
        ConvolutionBackwardInput.Reference(f1, samples, d3, Of("fc1.weight"), e2);
        ReluBackward.Reference(b2, e2);
        MaxPoolBackward.Reference(p2, samples, a2, b2, e2, d2);
        ConvolutionBackwardWeights.Reference(c2, samples, b1, d2, To("conv2.weight"), To("conv2.bias"));
        ConvolutionBackwardInput.Reference(c2, samples, d2, Of("conv2.weight"), e1);
        ReluBackward.Reference(b1, e1);
        MaxPoolBackward.Reference(p1, samples, a1, b1, e1, d1);
        ConvolutionBackwardWeights.Reference(c1, samples, images, d1, To("conv1.weight"), To("conv1.bias"));

        using DeviceBuffer weights = device.Upload(w), payload = device.Allocate(expected.Length);
        network.Gradient(weights.All, images, labels, payload.All);
        BitEqual(expected, device.Download(payload), "payload");
    }

    [TestCase("lenet", 16, 2)]
    [TestCase("mlp", 3, 1)]
    [TestCase("softmax", 4, 3)]
    public void TheGradientMatchesCentralDifferences(string model, int side, int channels)
    {
        const int samples = 2, classes = 3;
        using CpuDevice device = new(1);
        using Network network = Network.Create(model, device, side, side, channels, classes, samples);
        float[] w = new float[network.ParameterCount], images = TestDevices.Random(samples * network.InputLength, 4);
        network.Initialise(3, w);
        int[] labels = [2, 0];
        using DeviceBuffer weights = device.Upload(w), payload = device.Allocate(network.PayloadLength);
        network.Gradient(weights.All, images, labels, payload.All);
        float[] gradient = device.Download(payload);

        // Along a direction the kinks of rectifiers and maxima average out: along the gradient itself, tensor by tensor, and along random signs.
        Detox.Gpu.SeededRandom random = new(5);
        foreach (Parameter parameter in network.Parameters)
        {
            Range range = parameter.Offset..(parameter.Offset + parameter.Length);
            Matches(range, [.. gradient[range]], $"{parameter.Name} along the gradient");
            Matches(range, [.. gradient[range].Select(_ => random.NextInt(2) == 0 ? -1f : 1f)], $"{parameter.Name} along random signs");
        }

        void Matches(Range range, float[] direction, string what)
        {
            const double step = 1e-3, tolerance = 0.02;
            double length = Math.Sqrt(direction.Sum(x => (double)x * x)), size = Math.Sqrt(gradient[range].Sum(x => (double)x * x));
            double expected = direction.Zip(gradient[range], (x, g) => (double)x * g).Sum() / length;
            double slope = (LossAlong(range, direction, step / length) - LossAlong(range, direction, -step / length)) / (2 * step);
            Within(expected, slope, tolerance * size, what);
        }

        double LossAlong(Range range, float[] direction, double scale)
        {
            float[] moved = [.. w];
            Span<float> part = moved.AsSpan(range);
            for (int i = 0; i < part.Length; i++) part[i] = (float)(part[i] + (scale * direction[i]));
            device.Write(moved, weights.All);
            return network.Evaluate(weights.All, images, labels).LossSum / samples;
        }
    }

    [TestCase("lenet")]
    [TestCase("mlp")]
    public void AFewStepsLowerTheLoss(string model)
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create(model, device, 28, 28, 1, 10, 8);
        float[] w = new float[network.ParameterCount], images = TestDevices.Random(8 * 784, 6);
        network.Initialise(1, w);
        int[] labels = [0, 1, 2, 3, 4, 5, 6, 7];
        using DeviceBuffer weights = device.Upload(w), payload = device.Allocate(network.PayloadLength), velocity = device.Allocate(w.Length);
        List<float> losses = [];
        for (int step = 0; step < 30; step++)
        {
            network.Gradient(weights.All, images, labels, payload.All);
            losses.Add(device.Download(payload)[^1]);
            device.Run(new SgdStep(weights.All, velocity.All, payload.All.Slice(0, w.Length), 0.01f, 0.9f, 0));
        }

        Assert.That(losses[^1], Is.LessThan(0.5 * losses[0]), string.Join(' ', losses));
        Assert.That(network.Evaluate(weights.All, images, labels).Correct, Is.EqualTo(8));
    }

    private static float[] Payload(string model, (int Lanes, int Threads) form, int samples)
    {
        using CpuDevice device = TestDevices.Create(form);
        using Network network = Network.Create(model, device, 28, 28, 1, 10, samples);
        float[] w = new float[network.ParameterCount];
        network.Initialise(1, w);
        using DeviceBuffer weights = device.Upload(w), payload = device.Allocate(network.PayloadLength);
        network.Gradient(weights.All, TestDevices.Random(samples * 784, 1), [.. Enumerable.Range(0, samples)], payload.All);
        return device.Download(payload);
    }
}

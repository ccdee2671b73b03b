using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

public sealed class ElementwiseTests
{
    private static readonly PoolShape[] _pools = [new(24, 24, 20, 2), new(8, 8, 50, 2), new(5, 7, 3, 2), new(9, 9, 17, 3), new(4, 4, 1, 1)];
    private static IEnumerable<(int Lanes, int Threads)> Devices => TestDevices.All;

    [Test]
    public void ReluEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [Values(0, 1, 7, 8, 33, 16_384, 40_001)] int length)
    {
        float[] values = TestDevices.Random(length, 1), gradient = TestDevices.Random(length, 2);
        if (length > 4) (values[0], values[1], values[2], values[3]) = (float.NaN, -0f, 0f, float.PositiveInfinity);
        using CpuDevice device = TestDevices.Create(form);
        using DeviceBuffer y = device.Upload(values), dy = device.Upload(gradient);
        device.Run(new ReluForward(y.All));
        ReluForward.Reference(values);
        BitEqual(values, device.Download(y), "forward");
        device.Run(new ReluBackward(y.All, dy.All));
        ReluBackward.Reference(values, gradient);
        BitEqual(gradient, device.Download(dy), "backward");
    }

    [Test]
    public void MaxPoolEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [ValueSource(nameof(_pools))] PoolShape shape, [Values(1, 3)] int samples)
    {
        // Few different values, so that windows hold equal maxima.
        float[] input = [.. TestDevices.Random(samples * shape.InputLength, 3, 0, 4).Select(MathF.Floor)];
        float[] output = new float[samples * shape.OutputLength], gradient = TestDevices.Random(output.Length, 4), back = new float[input.Length];
        MaxPool.ForwardReference(shape, samples, input, output);
        MaxPool.BackwardReference(shape, samples, input, output, gradient, back);
        using CpuDevice device = TestDevices.Create(form);
        using DeviceBuffer x = device.Upload(input), y = device.Allocate(output.Length), dy = device.Upload(gradient), dx = device.Upload(TestDevices.Random(input.Length, 5));
        device.MaxPoolForward(shape, samples, x.All, y.All);
        BitEqual(output, device.Download(y), "forward");
        device.MaxPoolBackward(shape, samples, x.All, y.All, dy.All, dx.All);
        BitEqual(back, device.Download(dx), "backward");
    }

    [Test]
    public void TheFirstOfEqualMaximaGetsTheGradient()
    {
        float[] input = [1, 2, 2, 2], back = new float[4];
        MaxPool.BackwardReference(new PoolShape(2, 2, 1, 2), 1, input, [2], [5], back);
        BitEqual([0, 5, 0, 0], back, "gradient");
    }

    [Test]
    public void SgdEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [Values(0, 1, 9, 32_771)] int length)
    {
        float[] weights = TestDevices.Random(length, 6), velocity = TestDevices.Random(length, 7), gradient = TestDevices.Random(length, 8);
        using CpuDevice device = TestDevices.Create(form);
        using DeviceBuffer w = device.Upload(weights), v = device.Upload(velocity), g = device.Upload(gradient);
        device.Run(new SgdStep(w.All, v.All, g.All, 0.1f, 0.9f, 5e-4f));
        SgdStep.Reference(weights, velocity, gradient, 0.1f, 0.9f, 5e-4f);
        BitEqual(weights, device.Download(w), "weights");
        BitEqual(velocity, device.Download(v), "velocity");
    }

    [Test]
    public void FmaChainsEqualTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [Values(0, 32, 192, 1024)] int length)
    {
        float[] values = TestDevices.Random(length, 9);
        using CpuDevice device = TestDevices.Create(form);
        using DeviceBuffer x = device.Upload(values);
        device.Run(new FmaChains(x.All, 5));
        FmaChains.Reference(values, 5);
        BitEqual(values, device.Download(x), "values");
    }

    [Test]
    public void SgdByHand()
    {
        float[] weights = [2], velocity = [4];
        SgdStep.Reference(weights, velocity, [1], rate: 0.5f, momentum: 0.5f, decay: 0.25f);
        Assert.That((velocity[0], weights[0]), Is.EqualTo((3.5f, 0.25f)));
    }

    [Test]
    public void ExpAndLogAreWithinTwoUnitsInTheLastPlace()
    {
        for (float x = -87f; x < 88.5f; x += 0.00137f) Ulps(Math.Exp(x), PortableMath.Exp(x), $"exp({x:R})");
        for (float x = 1.2e-38f; x < 3e38f; x *= 1.00021f) Ulps(Math.Log(x), PortableMath.Log(x), $"log({x:R})");
        for (float x = 0.9f; x < 1.1f; x += 1.7e-6f) Ulps(Math.Log(x), PortableMath.Log(x), $"log({x:R})");
    }

    [Test]
    public void ExpAndLogAtTheEdges()
    {
        Assert.That(PortableMath.Exp(0), Is.EqualTo(1f));
        Assert.That(PortableMath.Exp(-100), Is.Zero);
        Assert.That(PortableMath.Exp(float.NegativeInfinity), Is.Zero);
        Assert.That(PortableMath.Exp(89), Is.EqualTo(float.PositiveInfinity));
        Assert.That(PortableMath.Exp(float.NaN), Is.NaN);
        Assert.That(PortableMath.Log(1), Is.Zero);
        Assert.That(PortableMath.Log(0), Is.EqualTo(float.NegativeInfinity));
        Assert.That(PortableMath.Log(-1), Is.NaN);
        Assert.That(PortableMath.Log(float.NaN), Is.NaN);
        Assert.That(PortableMath.Log(float.PositiveInfinity), Is.EqualTo(float.PositiveInfinity));
    }

    [Test]
    public void CrossEntropyMatchesItsFormulaAndItsDifferences()
    {
        const int classes = 5;
        float[] logits = TestDevices.Random(3 * classes, 9, -3, 3), gradient = new float[logits.Length];
        int[] labels = [4, 0, 2];
        float loss = SoftmaxCrossEntropy.Reference(logits, labels, classes, gradient);
        Within(Loss(logits, labels, classes), loss, 1e-6, "loss");
        Differences.Match(logits, gradient, () => Loss(logits, labels, classes), "gradient");
    }

    [Test]
    public void ANaNLogitReachesTheLoss()
        => Assert.That(SoftmaxCrossEntropy.Reference([0, float.NaN, 1], [0], 3, new float[3]), Is.NaN);

    private static double Loss(float[] logits, int[] labels, int classes)
    {
        double total = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            double sum = 0;
            for (int j = 0; j < classes; j++) sum += Math.Exp(logits[(i * classes) + j]);
            total += Math.Log(sum) - logits[(i * classes) + labels[i]];
        }

        return total / labels.Length;
    }

    private static void Ulps(double exact, float found, string what)
    {
        double unit = Math.Max(MathF.BitIncrement(MathF.Abs((float)exact)) - MathF.Abs((float)exact), float.Epsilon);
        Within(exact, found, 2 * unit, what);
    }
}

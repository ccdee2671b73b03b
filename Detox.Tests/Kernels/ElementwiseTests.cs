using Detox.Gpu.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

public sealed class ElementwiseTests
{
    [Test]
    public void TheFirstOfEqualMaximaGetsTheGradient()
    {
        float[] input = [1, 2, 2, 2], back = new float[4];
        MaxPoolBackward.Reference(new PoolShape(2, 2, 1, 2), 1, input, [2], [5], back);
        BitEqual([0, 5, 0, 0], back, "gradient");
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

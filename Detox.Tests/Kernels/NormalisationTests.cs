using Detox.Gpu.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

public sealed class NormalisationTests
{
    [Test]
    public void BatchNormByHand()
    {
        float[] statistics = new float[2], output = new float[2];
        BatchNormForward.Reference(1, [1, 5], [2], [10], statistics, [], output, false);
        BitEqual([3, 4], statistics, "statistics");
        Within([8, 12], output, 1e-5, "output");
        BatchNormForward.Reference(1, [1, 5], [2], [10], statistics, [-9, 1], output, true);
        Within([0, 13], output, 1e-5, "with an addend, rectified");
    }

    [Test]
    public void BatchNormGradientsMatchCentralDifferences([Values] bool rectified)
    {
        const int rows = 9, channels = 4;
        float[] x = TestDevices.Random(rows * channels, 7), scale = TestDevices.Random(channels, 8, 0.5f, 2), shift = TestDevices.Random(channels, 9), addend = TestDevices.Random(x.Length, 10), direction = TestDevices.Random(x.Length, 11);
        float[] statistics = new float[2 * channels], y = new float[x.Length], dy = [.. direction], dx = new float[x.Length], dScale = new float[channels], dShift = new float[channels];
        BatchNormForward.Reference(channels, x, scale, shift, statistics, addend, y, rectified);
        BatchNormBackward.Reference(channels, x, y, dy, scale, statistics, dx, dScale, dShift, rectified);
        double Function() => NormalisedTimes(channels, x, scale, shift, addend, direction, rectified);
        const double step = 1e-3, tolerance = 2e-3;
        Assert.That(y.Min(MathF.Abs), rectified ? Is.Zero : Is.GreaterThan(0));
        Differences.Match(x, dx, Function, "input", step, tolerance);
        Differences.Match(scale, dScale, Function, "scale", step, tolerance);
        Differences.Match(shift, dShift, Function, "shift", step, tolerance);
        Differences.Match(addend, dy, Function, "addend", step, tolerance);
    }

    [Test]
    public void AMovingAverageByHand()
    {
        float[] running = [4];
        MovingAverage.Reference(running, [2], correction: 3, momentum: 0.25f);
        Assert.That(running[0], Is.EqualTo(4.5f));
    }

    [Test]
    public void AveragePoolGradientsMatchCentralDifferences()
    {
        const int samples = 2, positions = 6, channels = 3;
        float[] x = TestDevices.Random(samples * positions * channels, 15), direction = TestDevices.Random(samples * channels, 16), dx = new float[x.Length];
        AveragePoolBackward.Reference(samples, positions, channels, direction, dx);
        Differences.Match(x, dx, () => x.Select((value, at) => (double)value * direction[(at / channels / positions * channels) + (at % channels)] / positions).Sum(), "input");
    }

    /// <summary>The normalised values with their addends, times a fixed direction, in double.</summary>
    private static double NormalisedTimes(int channels, float[] x, float[] scale, float[] shift, float[] addend, float[] direction, bool rectified)
    {
        int rows = x.Length / channels;
        double sum = 0;
        for (int c = 0; c < channels; c++)
        {
            double mean = 0, variance = 0;
            for (int p = 0; p < rows; p++) mean += (double)x[(p * channels) + c] / rows;
            for (int p = 0; p < rows; p++) variance += (x[(p * channels) + c] - mean) * (x[(p * channels) + c] - mean) / rows;
            for (int p = 0; p < rows; p++)
            {
                double y = ((x[(p * channels) + c] - mean) / Math.Sqrt(variance + BatchNorm.Epsilon) * scale[c]) + shift[c] + addend[(p * channels) + c];
                sum += (rectified ? Math.Max(0, y) : y) * direction[(p * channels) + c];
            }
        }

        return sum;
    }
}

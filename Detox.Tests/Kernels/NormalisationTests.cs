using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

public sealed class NormalisationTests
{
    /// <summary>Rows that end within a chunk, with one and one behind one; channels of part of a vector, whole ones and a rest.</summary>
    internal static readonly (int Rows, int Channels)[] Batches =
        [(1, 1), (1, 5), (2, 3), (7, 17), (BatchNorm.Chunk, 8), (BatchNorm.Chunk + 1, 65), ((2 * BatchNorm.Chunk) - 1, 64), ((3 * BatchNorm.Chunk) + 5, 3)];

    private static readonly (int Samples, int Positions, int Channels)[] _pools = [(1, 1, 1), (2, 16, 64), (3, 5, 17), (2, 49, 3), (1, 4, 513), (0, 4, 8)];

    private static IEnumerable<(int Lanes, int Threads)> Devices => TestDevices.All;

    [Test]
    public void BatchNormEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [ValueSource(nameof(Batches))] (int Rows, int Channels) batch, [Values] bool rectified)
    {
        using CpuDevice device = TestDevices.Create(form);
        BatchNormEqualsTheReference(device, batch.Rows, batch.Channels, rectified);
    }

    /// <summary>Forward, evaluation, and backward with and without the input's gradient and in place.</summary>
    internal static void BatchNormEqualsTheReference(Device device, int rows, int channels, bool rectified)
    {
        int length = rows * channels;
        float[] x = TestDevices.Random(length, 1, -1, 3), scale = TestDevices.Random(channels, 2, -2, 2), shift = TestDevices.Random(channels, 3), dy = TestDevices.Random(length, 4);
        float[] statistics = new float[2 * channels], y = new float[length], dx = new float[length], dScale = new float[channels], dShift = new float[channels];
        string what = $"{rows} rows of {channels}{(rectified ? ", rectified" : "")}";
        using DeviceBuffer input = device.Upload(x), scales = device.Upload(scale), shifts = device.Upload(shift), gradient = device.Upload(dy);
        using DeviceBuffer found = device.Allocate(2 * channels), output = device.Allocate(length), inputGradient = device.Allocate(length);
        using DeviceBuffer scaleGradient = device.Allocate(channels), shiftGradient = device.Allocate(channels);

        BatchNorm.ForwardReference(channels, x, scale, shift, statistics, y, rectified);
        device.BatchNormForward(channels, input.All, scales.All, shifts.All, found.All, output.All, rectified);
        BitEqual(statistics, device.Download(found), $"{what}: statistics");
        BitEqual(y, device.Download(output), $"{what}: output");

        BatchNorm.BackwardReference(channels, x, y, dy, scale, statistics, dx, dScale, dShift, rectified);
        foreach (View? wanted in (View?[])[null, inputGradient.All, gradient.All])
        {
            device.BatchNormBackward(channels, input.All, output.All, gradient.All, scales.All, found.All, wanted, scaleGradient.All, shiftGradient.All, rectified);
            BitEqual(dScale, device.Download(scaleGradient), $"{what}: scale's gradient");
            BitEqual(dShift, device.Download(shiftGradient), $"{what}: shift's gradient");
            if (wanted is { } view) BitEqual(dx, device.Download(view.Buffer), $"{what}: input's gradient");
        }

        statistics = [.. TestDevices.Random(channels, 5), .. TestDevices.Random(channels, 6, 0, 2)];
        device.Write(statistics, found.All);
        BatchNorm.EvaluateReference(channels, x, scale, shift, statistics, y, rectified);
        device.BatchNormEvaluate(channels, input.All, scales.All, shifts.All, found.All, output.All, rectified);
        BitEqual(y, device.Download(output), $"{what}: evaluation");
    }

    [Test]
    public void ABatchOfNoRowsIsEvaluatedAndHasNoStatistics()
    {
        using CpuDevice device = new(1);
        using DeviceBuffer none = device.Allocate(0), three = device.Allocate(3), six = device.Allocate(6), twelve = device.Allocate(12);
        device.BatchNormEvaluate(3, none.All, three.All, three.All, six.All, none.All, false);
        Assert.That(() => device.BatchNormForward(3, none.All, three.All, three.All, six.All, none.All, false), Throws.ArgumentException.With.Message.Contains("no rows"));
        Assert.That(() => device.BatchNormForward(5, twelve.All, three.All, three.All, six.All, twelve.All, false), Throws.ArgumentException.With.Message.Contains("5 channels"));
        Assert.That(() => device.BatchNormForward(3, twelve.All, three.All, three.All, three.All, twelve.All, false), Throws.ArgumentException.With.Message.Contains("statistics"));
    }

    [Test]
    public void BatchNormByHand()
    {
        float[] statistics = new float[2], output = new float[2];
        BatchNorm.ForwardReference(1, [1, 5], [2], [10], statistics, output, false);
        BitEqual([3, 4], statistics, "statistics");
        Within([8, 12], output, 1e-5, "output");
    }

    [Test]
    public void BatchNormGradientsMatchCentralDifferences([Values] bool rectified)
    {
        const int rows = 9, channels = 4;
        float[] x = TestDevices.Random(rows * channels, 7), scale = TestDevices.Random(channels, 8, 0.5f, 2), shift = TestDevices.Random(channels, 9), direction = TestDevices.Random(x.Length, 10);
        float[] statistics = new float[2 * channels], y = new float[x.Length], dx = new float[x.Length], dScale = new float[channels], dShift = new float[channels];
        BatchNorm.ForwardReference(channels, x, scale, shift, statistics, y, rectified);
        BatchNorm.BackwardReference(channels, x, y, direction, scale, statistics, dx, dScale, dShift, rectified);
        double Function() => NormalisedTimes(channels, x, scale, shift, direction, rectified);
        const double step = 1e-3, tolerance = 2e-3;
        Assert.That(y.Min(MathF.Abs), rectified ? Is.Zero : Is.GreaterThan(0));
        Differences.Match(x, dx, Function, "input", step, tolerance);
        Differences.Match(scale, dScale, Function, "scale", step, tolerance);
        Differences.Match(shift, dShift, Function, "shift", step, tolerance);
    }

    [Test]
    public void MovingAverageEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [Values(0, 1, 9, 130)] int length)
    {
        using CpuDevice device = TestDevices.Create(form);
        MovingAverageEqualsTheReference(device, length);
    }

    internal static void MovingAverageEqualsTheReference(Device device, int length)
    {
        float[] running = TestDevices.Random(length, 11), values = TestDevices.Random(length, 12);
        using DeviceBuffer kept = device.Upload(running), next = device.Upload(values);
        device.Run(new MovingAverage(kept.All, next.All, 32f / 31, 0.1f));
        MovingAverage.Reference(running, values, 32f / 31, 0.1f);
        BitEqual(running, device.Download(kept), $"{length} running values");
    }

    [Test]
    public void AMovingAverageByHand()
    {
        float[] running = [4];
        MovingAverage.Reference(running, [2], correction: 3, momentum: 0.25f);
        Assert.That(running[0], Is.EqualTo(4.5f));
    }

    [Test]
    public void AveragePoolEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [ValueSource(nameof(_pools))] (int Samples, int Positions, int Channels) shape)
    {
        using CpuDevice device = TestDevices.Create(form);
        AveragePoolEqualsTheReference(device, shape.Samples, shape.Positions, shape.Channels);
    }

    internal static void AveragePoolEqualsTheReference(Device device, int samples, int positions, int channels)
    {
        float[] x = TestDevices.Random(samples * positions * channels, 13), dy = TestDevices.Random(samples * channels, 14), y = new float[dy.Length], dx = new float[x.Length];
        AveragePoolForward.Reference(samples, positions, channels, x, y);
        AveragePoolBackward.Reference(samples, positions, channels, dy, dx);
        using DeviceBuffer input = device.Upload(x), output = device.Allocate(y.Length), gradient = device.Upload(dy), inputGradient = device.Allocate(x.Length);
        device.Run(new AveragePoolForward(samples, positions, channels, input.All, output.All));
        BitEqual(y, device.Download(output), $"{samples} x {positions} x {channels}: output");
        device.Run(new AveragePoolBackward(samples, positions, channels, gradient.All, inputGradient.All));
        BitEqual(dx, device.Download(inputGradient), $"{samples} x {positions} x {channels}: input's gradient");
    }

    [Test]
    public void AveragePoolGradientsMatchCentralDifferences()
    {
        const int samples = 2, positions = 6, channels = 3;
        float[] x = TestDevices.Random(samples * positions * channels, 15), direction = TestDevices.Random(samples * channels, 16), dx = new float[x.Length];
        AveragePoolBackward.Reference(samples, positions, channels, direction, dx);
        Differences.Match(x, dx, () => x.Select((value, at) => (double)value * direction[(at / channels / positions * channels) + (at % channels)] / positions).Sum(), "input");
    }

    [Test]
    public void AdditionEqualsTheReference([ValueSource(nameof(Devices))] (int Lanes, int Threads) form, [Values(0, 1, 7, 8, 33, 16_384, 40_001)] int length, [Values] bool rectified)
    {
        using CpuDevice device = TestDevices.Create(form);
        AdditionEqualsTheReference(device, length, rectified);
    }

    internal static void AdditionEqualsTheReference(Device device, int length, bool rectified)
    {
        float[] left = TestDevices.Random(length, 17), right = TestDevices.Random(length, 18), sum = new float[length];
        if (length > 4) (left[0], right[0], left[1], right[1], left[2], right[2]) = (-0f, -0f, 1, -1, float.PositiveInfinity, -5);
        Addition.Reference(left, right, sum, rectified);
        using DeviceBuffer x = device.Upload(left), y = device.Upload(right), z = device.Allocate(length);
        foreach (DeviceBuffer output in (DeviceBuffer[])[z, x])
        {
            device.Run(new Addition(x.All, y.All, output.All, rectified));
            BitEqual(sum, device.Download(output), $"{length} sums{(rectified ? ", rectified" : "")}");
        }
    }

    /// <summary>The normalised values times a fixed direction, in double.</summary>
    private static double NormalisedTimes(int channels, float[] x, float[] scale, float[] shift, float[] direction, bool rectified)
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
                double y = ((x[(p * channels) + c] - mean) / Math.Sqrt(variance + BatchNorm.Epsilon) * scale[c]) + shift[c];
                sum += (rectified ? Math.Max(0, y) : y) * direction[(p * channels) + c];
            }
        }

        return sum;
    }
}

using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;
using Detox.Tests.Training;

namespace Detox.Tests.Pages;

/// <summary>The measured variance of the mean gradient.</summary>
public sealed class VarianceTests
{
    [Test]
    public void ItIsTheSampleVarianceOverN()
    {
        const int rows = 7, width = 50;
        using CpuDevice device = new(1);
        using DeviceBuffer buffer = device.Allocate((rows + 1) * width);
        SeededRandom random = new(3);
        float[] values = [.. Enumerable.Range(0, (rows + 1) * width).Select(_ => 100 + random.NextFloat())];
        device.Write(values, buffer.All);
        long[] offsets = [.. Enumerable.Range(0, rows).Select(row => (long)(row + 1) * width)];
        double expected = 0;
        for (int column = 0; column < width; column++)
        {
            double mean = offsets.Average(offset => (double)values[offset + column]);
            expected += offsets.Sum(offset => Math.Pow(values[offset + column] - mean, 2)) / (rows * (rows - 1));
        }

        SpreadMeter meter = new(device, width);
        Assert.That(meter.VarianceOfMean(buffer.All, offsets), Is.EqualTo(expected).Within(1e-10).Percent);
        Assert.That(meter.VarianceOfMean(buffer.All, offsets.AsSpan(0, 1)), Is.NaN);
    }

    /// <summary>Four times the groups, a quarter of the variance at the first weights; the chance is that of one step, so within a factor.</summary>
    [Test]
    public void MoreSamplesMakeLess()
    {
        double few = First(6), many = First(24);
        Assert.That(few / many, Is.InRange(2, 8));

        static double First(int ranks)
            => new RunFiles(TrainInProcess.Run(Measured with { Ranks = ranks, GroupSize = 1, Steps = 1 }).Folder).Steps[0].GetProperty("variance").GetDouble();
    }

    [Test]
    public void ItChangesNoBitAndIsThereOnlyWhereItWasAskedFor()
    {
        RunFiles with = TrainInProcess.Run(Measured with { Byzantine = 2, Attack = "bit-flip" }), without = TrainInProcess.Run(Measured with { Byzantine = 2, Attack = "bit-flip", Measure = Measure.None });
        Assert.That(with.Weights, Is.EqualTo(without.Weights));
        Assert.That(with.Steps.All(step => step.GetProperty("variance").GetDouble() > 0));
        Assert.That(without.Steps.Any(step => step.TryGetProperty("variance", out _)), Is.False);
        RunVerifier verifier = new(with.Folder);
        verifier.Run();
        Assert.That(verifier.Problems, Is.Empty);
    }

    private static TrainOptions Measured => TrainInProcess.Small with { Measure = Measure.Variance };
}

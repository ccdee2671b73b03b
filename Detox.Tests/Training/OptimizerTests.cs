using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The learning rate of every step, and what decays.</summary>
public sealed class OptimizerTests
{
    private static readonly Parameter[] _parameters =
    [
        new("conv1.weight", [4, 3, 3, 3], 0, 108),
        new("norm1.weight", [4], 108, 4),
        new("norm1.bias", [4], 112, 4),
        new("linear.weight", [5, 4], 116, 20),
        new("other.weight", [5, 5], 136, 25),
        new("other.bias", [5], 161, 5),
        new("odd.table", [2, 2], 166, 4),
    ];

    [Test]
    public void WithoutAScheduleTheRateStays()
    {
        foreach (float rate in Rates(new TrainOptions { Steps = 5, LearningRate = 0.3f })) Assert.That(rate, Is.EqualTo(0.3f));
    }

    [Test]
    public void StairsFallAfterEveryN()
    {
        float[] rates = Rates(new TrainOptions { Steps = 8, LearningRate = 0.1f, Schedule = "step(every=3,factor=0.1)" });
        Assert.That(rates, Is.EqualTo((float[])[0.1f, 0.1f, 0.1f, 0.01f, 0.01f, 0.01f, 0.001f, 0.001f]));
        Assert.That(Rates(new TrainOptions { Steps = 4, LearningRate = 1, Schedule = "step(every=1,factor=0.5)" }), Is.EqualTo((float[])[1, 0.5f, 0.25f, 0.125f]));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(7)]
    [TestCase(1000)]
    public void CosineFallsToZero(int steps)
    {
        float[] rates = Rates(new TrainOptions { Steps = steps, LearningRate = 0.1f, Schedule = "cosine" });
        for (int t = 0; t < steps; t++)
            Comparisons.Within(0.1f * (1 + Math.Cos(Math.PI * t / steps)) / 2, rates[t], 4e-9, $"step {t}");
        Assert.That(rates[0], Is.EqualTo(0.1f));
    }

    /// <summary>No library's cosine: rank 0 may be any machine.</summary>
    [Test]
    public void CosineIsTheSameBitsEverywhere()
    {
        ulong digest = 14695981039346656037;
        foreach (float rate in Rates(new TrainOptions { Steps = 977, LearningRate = 0.1f, Schedule = "cosine", WarmUp = 13 }))
            digest = (digest ^ BitConverter.SingleToUInt32Bits(rate)) * 1099511628211;
        Assert.That(digest, Is.EqualTo(9081929583556640856));
    }

    [Test]
    public void WarmUpRisesToTheRateAndTheScheduleBeginsThere()
    {
        float[] cosine = Rates(new TrainOptions { Steps = 12, LearningRate = 1, Schedule = "cosine", WarmUp = 4 });
        Assert.That(cosine[..5], Is.EqualTo((float[])[0.25f, 0.5f, 0.75f, 1, 1]));
        Comparisons.Within(0.5, cosine[8], 1e-7, "halfway");
        Assert.That(cosine[11], Is.LessThan(cosine[10]).And.GreaterThan(0));
        float[] stairs = Rates(new TrainOptions { Steps = 6, LearningRate = 1, Schedule = "step(every=2,factor=0.5)", WarmUp = 2 });
        Assert.That(stairs, Is.EqualTo((float[])[0.5f, 1, 1, 1, 0.5f, 0.5f]));
    }

    [Test]
    public void AllDecayIsOneRun()
        => Assert.That(Optimizer.Runs(_parameters, 0.1f, WeightDecayOn.All), Is.EqualTo(((int, int, float)[])[(0, 170, 0.1f)]));

    [Test]
    public void OnlyMatricesAndFiltersDecay()
        => Assert.That(
            Optimizer.Runs(_parameters, 0.1f, WeightDecayOn.Weights),
            Is.EqualTo(((int, int, float)[])[(0, 108, 0.1f), (108, 8, 0), (116, 45, 0.1f), (161, 9, 0)]));

    [TestCase(WeightDecayOn.All)]
    [TestCase(WeightDecayOn.Weights)]
    public void AStepIsTheReferenceWithEachParametersDecay(WeightDecayOn on)
    {
        using CpuDevice device = new(1);
        TrainOptions options = new() { Steps = 4, LearningRate = 0.1f, Schedule = "step(every=1,factor=0.5)", WeightDecay = 0.25f, WeightDecayOn = on };
        using Optimizer optimizer = new(device, _parameters, options);

        // The network's weights may go on with what is no parameter; no step may touch it.
        using DeviceBuffer weights = device.Allocate(173), gradient = device.Allocate(170);
        float[] w = [.. Enumerable.Range(0, 173).Select(i => MathF.Sqrt(i) - 6)], v = new float[170], g = [.. Enumerable.Range(0, 170).Select(i => 1f / (i + 1))];
        device.Write(w, weights.All);
        device.Write(g, gradient.All);
        for (int step = 0; step < 3; step++)
        {
            float rate = optimizer.Step(weights.All, gradient.All, step);
            Assert.That(rate, Is.EqualTo(0.1f / (1 << step)));
            foreach (Parameter p in _parameters)
            {
                float decay = on == WeightDecayOn.All || p.Name is "conv1.weight" or "linear.weight" or "other.weight" ? 0.25f : 0;
                SgdStep.Reference(w.AsSpan(p.Offset, p.Length), v.AsSpan(p.Offset, p.Length), g.AsSpan(p.Offset, p.Length), rate, 0.9f, decay);
            }
        }

        float[] found = new float[173];
        device.Read(weights.All, found);
        Comparisons.BitEqual(w, found, $"{on}");
    }

    [Test]
    public void TheRateOfAStepIsReported()
    {
        RunFiles run = TrainInProcess.Run(TrainInProcess.Small with { LearningRate = 0.5f, Schedule = "step(every=2,factor=0.5)", WarmUp = 1 });
        Assert.That(run.Steps.Select(step => step.GetProperty("learning_rate").GetDouble()), Is.EqualTo((double[])[0.5, 0.5, 0.5, 0.25]));
    }

    private static float[] Rates(TrainOptions options)
    {
        LearningRateSchedule schedule = LearningRateSchedule.Create(options);
        return [.. Enumerable.Range(0, options.Steps).Select(step => schedule.Rate(step))];
    }
}

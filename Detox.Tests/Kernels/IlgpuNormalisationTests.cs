using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Networks;
using NUnit.Framework;
using static Detox.Tests.Comparisons;

namespace Detox.Tests.Kernels;

/// <summary>The kernels of normalised and residual networks compute the bits of the plain loops; see <see cref="IlgpuTests"/>.</summary>
[TestFixture(IlgpuKind.OpenCl)]
[TestFixture(IlgpuKind.Simulator)]
[TestFixture(IlgpuKind.Cuda)]
[NonParallelizable]
public sealed class IlgpuNormalisationTests(IlgpuKind kind)
{
    private IlgpuDevice _device = null!;

    private bool IsSlow => kind == IlgpuKind.Simulator;

    [OneTimeSetUp]
    public void Open()
    {
        OpenCl.Require(kind);
        _device = IlgpuDevice.Open(kind, count => 0);
    }

    [OneTimeTearDown]
    public void Close() => _device?.Dispose();

    [Test]
    public void BatchNormEqualsTheReference([Values] bool rectified)
    {
        foreach ((int rows, int channels) in NormalisationTests.Batches.Take(IsSlow ? 4 : NormalisationTests.Batches.Length))
            NormalisationTests.BatchNormEqualsTheReference(_device, rows, channels, rectified);
    }

    /// <summary>Square roots and quotients of many variances: one row a channel, so that the output's gradient is what is left of them.</summary>
    [Test]
    public void SquareRootsAreRoundedToTheNearest()
    {
        int channels = IsSlow ? 64 : 100_000;
        float[] variances = TestDevices.Random(channels, 1);
        for (int i = 0; i < channels; i++) variances[i] = MathF.Abs(variances[i]) * MathF.Pow(10, (i % 60) - 30);
        float[] statistics = [.. new float[channels], .. variances], ones = [.. Enumerable.Repeat(1f, channels)], zeros = new float[channels], expected = new float[channels];
        BatchNorm.EvaluateReference(channels, ones, ones, zeros, statistics, expected, false);
        for (int i = 0; i < channels; i++) BitEqual([1 / MathF.Sqrt(variances[i] + BatchNorm.Epsilon)], [expected[i]], $"1 / sqrt({variances[i]:R} + epsilon)");
        using DeviceBuffer one = _device.Upload(ones), zero = _device.Upload(zeros), given = _device.Upload(statistics), output = _device.Allocate(channels);
        _device.BatchNormEvaluate(channels, one.All, one.All, zero.All, given.All, output.All, false);
        BitEqual(expected, _device.Download(output), "1 / sqrt(variance + epsilon)");
    }

    [Test]
    public void MovingAverageEqualsTheReference()
    {
        foreach (int length in (int[])[0, 1, 9, 130]) NormalisationTests.MovingAverageEqualsTheReference(_device, length);
    }

    [Test]
    public void AveragePoolEqualsTheReference()
    {
        foreach ((int samples, int positions, int channels) in ((int, int, int)[])[(1, 1, 1), (3, 5, 17), (2, 16, 64), (0, 4, 8)])
            NormalisationTests.AveragePoolEqualsTheReference(_device, samples, positions, channels);
    }

    [Test]
    public void AdditionEqualsTheReference([Values] bool rectified)
    {
        foreach (int length in (int[])[0, 1, 7, 257]) NormalisationTests.AdditionEqualsTheReference(_device, length, rectified);
    }

    [TestCase("resnet18", 8, 2)]
    [TestCase("vgg13-bn", 32, 1)]
    public void ModelsEqualTheCpus(string model, int side, int batch)
    {
        if (IsSlow) return;
        using CpuDevice cpu = new(2);
        BitEqual(TrainingAndEvaluation.Run(cpu, model, side, batch), TrainingAndEvaluation.Run(_device, model, side, batch), model);
    }

    [Test]
    public void AResidualBlockEqualsTheCpus()
    {
        using CpuDevice cpu = new(2);
        BitEqual(TrainingAndEvaluation.Run(cpu, Block(), 2, 2), TrainingAndEvaluation.Run(_device, Block(), 2, 2), "residual block");

        static LayerList Block()
        {
            LayerList layers = new LayerList(3, 4, 2).Convolution("a", 3, 3, padding: 1, bias: false).BatchNorm("b", rectified: true);
            Value input = layers.Current;
            return layers.Convolution("c", 3, 3, padding: 1, bias: false).BatchNorm("d").Add(input, rectified: true).AveragePool().Linear("e", 2);
        }
    }
}

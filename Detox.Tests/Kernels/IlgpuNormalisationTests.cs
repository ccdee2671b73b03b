using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;
using Detox.Tests.Networks;
using Detox.Tests.Programs;
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

    /// <summary>Square roots and quotients of many variances: one row a channel, so that the output's gradient is what is left of them.</summary>
    [Test]
    public void SquareRootsAreRoundedToTheNearest()
    {
        int channels = IsSlow ? 64 : 100_000;
        float[] variances = TestDevices.Random(channels, 1);
        for (int i = 0; i < channels; i++) variances[i] = MathF.Abs(variances[i]) * MathF.Pow(10, (i % 60) - 30);
        float[] statistics = [.. new float[channels], .. variances], ones = [.. Enumerable.Repeat(1f, channels)], zeros = new float[channels], expected = new float[channels];
        BatchNormEvaluate.Reference(channels, ones, ones, zeros, statistics, [], expected, false);
        for (int i = 0; i < channels; i++) BitEqual([1 / MathF.Sqrt(variances[i] + BatchNorm.Epsilon)], [expected[i]], $"1 / sqrt({variances[i]:R} + epsilon)");
        using DeviceBuffer one = _device.Upload(ones), zero = _device.Upload(zeros), given = _device.Upload(statistics), output = _device.Allocate(channels);
        _device.Run(new BatchNormEvaluate(channels, one.All, one.All, zero.All, given.All, null, output.All, false));
        BitEqual(expected, _device.Download(output), "1 / sqrt(variance + epsilon)");
    }

    /// <summary>A driver on a CPU compiles the kernels of each model for minutes: both in jobs/matrix.sh, one otherwise.</summary>
    private static IEnumerable<TestCaseData> Models()
    {
        yield return new TestCaseData("resnet18", 8, 2);
        if (Campaign.IsFull) yield return new TestCaseData("vgg13-bn", 32, 1);
    }

    [TestCaseSource(nameof(Models))]
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
            return layers.Convolution("c", 3, 3, padding: 1, bias: false).BatchNorm("d", rectified: true, input).AveragePool().Linear("e", 2);
        }
    }
}

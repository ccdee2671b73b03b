using Detox.Gpu.Devices.Ilgpu;
using Detox.Tests.Data;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The models with batch normalisation, trained by three ranks on a handful of images in CIFAR's format.</summary>
[Category("Ranks")]
[NonParallelizable]
public sealed class ModelTests
{
    private const string Short = "--group-size 3 --batch 2 --evaluate-every 0";
    private const string Steps = "--steps 2 --learning-rate 0.05";
    private static readonly Dictionary<string, RunFiles> _inProcess = [];
    private TempFolder _images = null!;
    private TempFolder _small = null!;

    [OneTimeSetUp]
    public void WriteImages()
    {
        _images = new TempFolder();
        Random random = new(1);
        byte[] Records(int count) => [.. Enumerable.Range(0, count).SelectMany(i =>
        {
            byte[] record = new byte[3073];
            random.NextBytes(record);
            record[0] = (byte)(i % 10);
            return record;
        })];
        _images.Write("data_batch_1.bin", Records(8));
        _images.Write("test_batch.bin", Records(3));
        _small = new TempFolder();
        _small.WriteIdx("train", 8, side: 8);
        _small.WriteIdx("t10k", 3, side: 8);
    }

    [OneTimeTearDown]
    public void Delete()
    {
        _images.Dispose();
        _small.Dispose();
    }

    [TestCase(MpiRunner.OpenMpi, "resnet18")]
    [TestCase(MpiRunner.Mpich, "resnet18")]
    [TestCase(MpiRunner.OpenMpi, "vgg13-bn")]
    public void ALauncherEndsInTheBitsOfOneProcess(string launcher, string model)
        => Assert.That(Train(launcher, $"--model {model} --attack none {Short} {Steps}").Weights, Is.EqualTo(InProcess(model).Weights));

    /// <summary>A driver on a CPU compiles every rank's kernels, for minutes: all cases in jobs/matrix.sh, one otherwise.</summary>
    private static IEnumerable<TestCaseData> Devices()
    {
        yield return new TestCaseData(MpiRunner.OpenMpi, "opencl,cpu,cpu");
        if (!Campaign.IsFull) yield break;
        yield return new TestCaseData(null, "opencl");
        yield return new TestCaseData(MpiRunner.Mpich, "cpu,opencl,opencl");
    }

    /// <summary>Running statistics that move on a device, and travel between devices.</summary>
    [TestCaseSource(nameof(Devices))]
    public void EveryDeviceEndsInTheSameBits(string? launcher, string devices)
    {
        OpenCl.Require(IlgpuKind.OpenCl);
        string options = $"--model resnet18 --attack none {Short} {Steps} --data {_small.Path}";
        Assert.That(DetoxProgram.Train(launcher, 3, $"{options} --device {devices}").Weights, Is.EqualTo(DetoxProgram.Train(null, 3, $"{options} --device cpu").Weights));
    }

    /// <summary>The batch statistics are part of what is voted on, so that one wrong rank changes neither weights nor running statistics.</summary>
    [TestCase("reverse")]
    [TestCase("bit-flip")]
    public void OneWrongRankChangesNoBit(string attack)
        => Assert.That(Train(null, $"--model resnet18 --attack {attack} --byzantine 1 {Short} {Steps}").Weights, Is.EqualTo(InProcess("resnet18").Weights));

    /// <summary>Without a majority nothing moves, the running statistics included. With one they do, although the weights hardly can.</summary>
    [Test]
    public void ASkippedStepChangesNothing()
    {
        RunFiles one = Train(null, $"--model resnet18 --attack nan --byzantine 3 {Short} --steps 1");
        RunFiles two = Train(null, $"--model resnet18 --attack nan --byzantine 3 {Short} --steps 2");
        Assert.That(two.Steps.Select(step => step.TryGetProperty("skipped", out _)), Is.All.True);
        Assert.That(two.Weights, Is.EqualTo(one.Weights));
        RunFiles moved = Train(null, $"--model resnet18 --attack none {Short} --steps 1 --learning-rate 1e-30");
        Assert.That(Math.Abs(Loss(moved) - Loss(one)), Is.GreaterThan(0.01));

        static double Loss(RunFiles run) => run.Result.GetProperty("loss").GetDouble();
    }

    [Test]
    public void AnImageThatTheModelCannotTakeIsAUsageError()
    {
        MpiOutcome outcome = DetoxProgram.Run(null, 3, "--ranks 3 --model vgg13-bn --byzantine 0");
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Errors);
        Assert.That(outcome.Errors, Does.Contain("--model vgg13-bn").And.Contain("32 x 32").And.Contain("28 x 28"));
    }

    private RunFiles InProcess(string model)
    {
        if (!_inProcess.TryGetValue(model, out RunFiles? run))
            _inProcess[model] = run = Train(null, $"--model {model} --attack none {Short} {Steps}");
        return run;
    }

    private RunFiles Train(string? launcher, string options) => DetoxProgram.Train(launcher, 3, $"{options} --data {_images.Path}");
}

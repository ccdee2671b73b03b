using Detox.Gpu.Devices.Ilgpu;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The final weights are the same bits over Open MPI, over MPICH and in one process, at every thread count and vector width.</summary>
[Category("Ranks")]
public sealed class SameBitsTests
{
    private const string Attacked = "--attack reverse --byzantine 2";
    private static readonly (string Model, string Options)[] _runs =
    [
        ("lenet", $"--model lenet --batch 4 --steps 3 --evaluate-every 2 {Attacked}"),
        ("mlp", $"--model mlp --batch 5 --steps 3 --evaluate-every 0 --buckets 2 {Attacked}"),
        ("alie", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --attack alie --byzantine 3 --across multi-krum(f=0)"),
        ("search", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --attack opt-alie --byzantine 3 --across multi-krum(f=0)"),
        ("samples", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --attack label-flip --byzantine 4 --across mean"),
        ("void", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --attack nan --byzantine 4 --on-void recompute --ballot xxh128"),
        ("silent", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --attack silent --byzantine 4"),
        ("equivocate", "--model softmax --batch 5 --steps 6 --evaluate-every 0 --attack equivocate --byzantine 5"),
        ("objects", "--model mlp --data objects --augment cifar --batch 3 --steps 5 --evaluate-every 0 --schedule cosine --warm-up 2 "
            + $"--weight-decay 0.01 --weight-decay-on weights {Attacked}"),
        ("no redundancy", "--model softmax --batch 5 --steps 4 --evaluate-every 0 --group-size 1 --across geometric-median --byzantine 2"),
    ];

    /// <summary>Convolutions, pooling and products, in little time where there are no vectors.</summary>
    private const string Small = $"--model lenet-small --batch 3 --steps 3 --evaluate-every 0 {Attacked}";

    private static readonly Dictionary<string, string> _inProcess = [];

    private static IEnumerable<TestCaseData> Launchers()
    {
        foreach ((string model, string options) in _runs)
        {
            yield return new TestCaseData(MpiRunner.OpenMpi, options).SetArgDisplayNames(MpiRunner.OpenMpi, model);
            yield return new TestCaseData(MpiRunner.Mpich, options).SetArgDisplayNames(MpiRunner.Mpich, model);
        }
    }

    private static IEnumerable<TestCaseData> Machines()
    {
        yield return new TestCaseData(Small + " --threads 1", "", "").SetArgDisplayNames("1 thread");
        yield return new TestCaseData(Small + " --threads 2", "", "").SetArgDisplayNames("2 threads");
        yield return new TestCaseData(Small, "DOTNET_EnableAVX512", "0").SetArgDisplayNames("no AVX-512");
        yield return new TestCaseData(Small, "DOTNET_EnableAVX2", "0").SetArgDisplayNames("no AVX2, no FMA");
        yield return new TestCaseData(Small, "DOTNET_EnableHWIntrinsic", "0").SetArgDisplayNames("no SIMD");
    }

    [TestCaseSource(nameof(Launchers))]
    public void EveryLauncherEndsInTheBitsOfOneProcess(string launcher, string options)
        => Assert.That(DetoxProgram.Train(launcher, 9, options).Weights, Is.EqualTo(InProcess(options)));

    [TestCaseSource(nameof(Machines))]
    public void EveryProcessorEndsInTheSameBits(string options, string variable, string value)
    {
        string changed = DetoxProgram.Train(null, 9, options, variable.Length == 0 ? [] : [(variable, value)]).Weights;
        Assert.That(changed, Is.EqualTo(InProcess(Small)));
    }

    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void TwoThreadsARankChangeNoBit(string launcher)
        => Assert.That(DetoxProgram.Train(launcher, 9, _runs[0].Options + " --threads 2").Weights, Is.EqualTo(InProcess(_runs[0].Options)));

    [TestCase(MpiRunner.OpenMpi, "lenet", 3)]
    [TestCase(MpiRunner.OpenMpi, "alie", 9)]
    [TestCase(MpiRunner.Mpich, "mlp", 3)]
    [TestCase(MpiRunner.Mpich, "void", 2)]
    public void RanksOfSeveralNodesEndInTheSameBits(string launcher, string run, int nodes)
    {
        string options = Array.Find(_runs, named => named.Model == run).Options;
        Assert.That(DetoxProgram.Train(launcher, 9, options, DetoxProgram.OnNodes(nodes)).Weights, Is.EqualTo(InProcess(options)));
    }

    /// <summary>A driver on a CPU compiles every rank's kernels, for minutes: all cases in jobs/matrix.sh, two otherwise.</summary>
    private static IEnumerable<TestCaseData> Devices()
    {
        yield return new TestCaseData(null, "opencl", "mlp");
        yield return new TestCaseData(MpiRunner.Mpich, "opencl,cpu,cpu,cpu", "silent");
        if (!Campaign.IsFull) yield break;
        yield return new TestCaseData(null, "opencl", "lenet");
        yield return new TestCaseData(MpiRunner.OpenMpi, "opencl", "lenet");
        yield return new TestCaseData(MpiRunner.OpenMpi, "cpu,opencl,opencl", "mlp");
        yield return new TestCaseData(MpiRunner.Mpich, "opencl,cpu", "alie");
    }

    [TestCaseSource(nameof(Devices))]
    public void EveryDeviceEndsInTheSameBits(string? launcher, string devices, string run)
    {
        OpenCl.Require(IlgpuKind.OpenCl);
        string options = Array.Find(_runs, named => named.Model == run).Options;

        // A driver on a CPU compiles the kernels for several ranks at once, for half a minute on a slow machine: none of them may count as absent meanwhile.
        string patience = run == "silent" ? "" : "--patience 60";
        Assert.That(DetoxProgram.Train(launcher, 9, $"{options} --device {devices} {patience}").Weights, Is.EqualTo(InProcess(options)));
    }

    [Test]
    public void TheSimulatorEndsInTheSameBits()
    {
        const string tiny = "--model softmax --batch 1 --steps 2 --evaluate-every 0";
        Assert.That(DetoxProgram.Train(null, 3, $"{tiny} --device simulator").Weights, Is.EqualTo(DetoxProgram.Train(null, 3, tiny).Weights));
    }

    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void FortyFiveRanksTrain(string launcher)
    {
        RunFiles run = DetoxProgram.Train(launcher, 45, "--batch 2 --steps 3 --evaluate-every 0");
        Assert.That(run.Steps, Has.Count.EqualTo(3));
        Assert.That(run.Result.GetProperty("peak_bytes_of_a_rank").GetInt64(), Is.LessThan(130_000_000));
    }

    private static string InProcess(string options)
    {
        lock (_inProcess)
        {
            if (!_inProcess.TryGetValue(options, out string? weights))
                _inProcess[options] = weights = DetoxProgram.Train(null, 9, options).Weights;
            return weights;
        }
    }
}

using System.Text.RegularExpressions;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>One clear message, the right exit code, no stack trace, no hanging ranks.</summary>
[Category("Ranks")]
public sealed class BadInputTests
{
    private static readonly object[] _cases =
    [
        new object[] { "--group-siez 3", 2, "--group-siez" },
        new object[] { "--batch many", 2, "--batch" },
        new object[] { "--group-size 2", 2, "--group-size 2" },
        new object[] { "--group-size 5", 2, "--group-size 5" },
        new object[] { "--byzantine 10", 2, "--byzantine 10" },
        new object[] { "--buckets 4", 2, "--buckets 4" },
        new object[] { "--across bulyan(f=1)", 2, "bulyan" },
        new object[] { "--data nowhere", 2, "nowhere" },
        new object[] { "--schedule step(every=0)", 2, "--schedule" },
        new object[] { "--config nowhere.toml", 2, "nowhere.toml" },
        new object[] { "--out /proc/detox", 2, "--out /proc/detox" },
        new object[] { "--model softmax --attack none --learning-rate 1e38 --steps 30 --batch 2", 1, "diverged" },
    ];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (object[] row in _cases)
            foreach (string launcher in (string[])["", MpiRunner.OpenMpi, MpiRunner.Mpich])
                yield return new TestCaseData([launcher, .. row]);
    }

    [TestCaseSource(nameof(Cases))]
    public void IsSaidOnceWithItsExitCode(string launcher, string options, int code, string what)
    {
        MpiOutcome result = DetoxProgram.Run(launcher.Length == 0 ? null : launcher, 9, launcher.Length == 0 ? $"{options} --ranks 9" : options);
        Assert.That(result.ExitCode, Is.EqualTo(code), result.Errors);
        string[] messages = [.. result.Errors.Split('\n').Where(line => line.Contains("detox: "))];
        Assert.That(messages, Has.Length.EqualTo(1), result.Errors);
        Assert.That(messages[0] + result.Errors, Does.Contain(what));
        Assert.That(result.Errors, Does.Not.Contain("   at Detox."));
    }

    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void AWorldOfAnotherSizeThanAskedForIsAnEnvironmentError(string launcher)
    {
        MpiOutcome result = DetoxProgram.Run(launcher, 3, "--ranks 45");
        Assert.That(result.ExitCode, Is.EqualTo(3), result.Errors);
        Assert.That(result.Errors, Does.Contain("--ranks 45"));
    }

    [TestCase("--device opencl:99", "", "", 3, "opencl device 99")]
    [TestCase("--device opencl", "OCL_ICD_VENDORS", "/nowhere", 3, "there is no OpenCL device")]
    [TestCase("--device opencl:7,cpu", "", "", 3, "opencl device 7")]
    [TestCase("--device opencl --group-size 1 --byzantine 0 --batch 6000", "POCL_MEMORY_LIMIT", "1", 3, "has no room")]
    [TestCase("--device gpu", "", "", 2, "auto, cpu, cuda, opencl or simulator")]
    [TestCase("--device cpu:1", "", "", 2, "--device cpu:1")]
    public void ADeviceThatCannotServeIsNamed(string options, string variable, string value, int code, string what)
    {
        OpenCl.Require(IlgpuKind.OpenCl);
        foreach (string launcher in (string[])["", MpiRunner.OpenMpi])
        {
            string ranks = launcher.Length == 0 ? " --ranks 3" : "";
            MpiOutcome result = DetoxProgram.Run(launcher.Length == 0 ? null : launcher, 3, options + ranks + " --steps 1", variable.Length == 0 ? [] : [(variable, value)]);
            Assert.That(result.ExitCode, Is.EqualTo(code), result.Errors);
            Assert.That(result.Errors.Split('\n').Count(line => line.Contains("detox: ")), Is.EqualTo(1), result.Errors);
            Assert.That(result.Errors, Does.Contain(what).And.Not.Contain("   at Detox."));
        }
    }

    [Test]
    public void ADeviceForCudaThatIsMissingIsNamedAndAutoDoesWithout()
    {
        if (Detox.Mpi.Training.DeviceChoice.HasCuda()) Assert.Ignore("There is a GPU for CUDA here.");
        MpiOutcome result = DetoxProgram.Run(null, 3, "--device cuda --ranks 3");
        Assert.That(result.ExitCode, Is.EqualTo(3), result.Errors);
        Assert.That(result.Errors, Does.Contain("there is no CUDA device").And.Contain("--device cpu"));
        Assert.That(DetoxProgram.Train(null, 3, "--device auto --model softmax --batch 1 --steps 1 --evaluate-every 0").Steps, Has.Count.EqualTo(1));
    }

    [Test]
    public void HelpNamesEveryOptionAndEveryRowOfTheTables()
    {
        MpiOutcome result = DetoxProgram.Run(null, 1, "--help");
        Assert.That(result.ExitCode, Is.Zero);
        foreach (Detox.Mpi.Training.TrainOption option in Detox.Mpi.Training.TrainOption.All)
            Assert.That(result.Output, Does.Contain($"--{option.Name}"));
        foreach (Detox.Gpu.Tables.Row row in Detox.Tests.Tables.TableTests.All.SelectMany(table => table.Rows))
            Assert.That(result.Output, Does.Match($"(?m)^ +{Regex.Escape(row.Usage)} +{Regex.Escape(row.Summary)}$"));
    }
}

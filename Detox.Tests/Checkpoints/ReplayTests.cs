using System.Globalization;
using System.Text.Json;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using Detox.Mpi;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Training;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A step of a run comes out as logged when it is computed once more, whatever it ran with and on any device.</summary>
public sealed class ReplayTests
{
    private const int Steps = 5;
    private static readonly TrainOptions _options = TrainInProcess.Small with { Steps = Steps, CheckpointEvery = CheckpointInterval.Parse("3") };

    private static IEnumerable<TestCaseData> Runs()
    {
        yield return Case("plain", _options);
        yield return Case("momentum and decay", _options with { Momentum = 0.9f, WeightDecay = 0.01f, WeightDecayOn = WeightDecayOn.Weights });
        yield return Case("warm-up and a cosine", _options with { WarmUp = 2, Schedule = "cosine" });
        yield return Case("a rule that keeps its centre", _options with { Across = "centered-clipping(tau=0.1)" });
        yield return Case("rules that are drawn", _options with { Ranks = 15, Buckets = 2, Pre = "bucketing(s=2)", Across = "geometric-median" });
        yield return Case("fast ballots", _options with { Ballot = BallotKind.Xxh128 });
        yield return Case("running statistics", _options with { Ranks = 6, Model = "resnet18", Data = "objects", Batch = 2, Augment = Augment.Cifar });
        yield return Case("dissenters", _options with { Byzantine = 1, Attack = "bit-flip" });
        yield return Case("wrong samples", _options with { Byzantine = 1, Attack = "label-flip" });
        yield return Case("void groups", _options with { Byzantine = 2, Placement = "worst", Attack = "nan" });
        yield return Case("recomputed groups", _options with { Byzantine = 2, Placement = "worst", Attack = "nan", OnVoid = OnVoid.Recompute });
        yield return Case("skipped steps", _options with { Byzantine = 9, Attack = "nan" });
        yield return Case("too few winners for the rule", _options with { Ranks = 15, Byzantine = 2, Placement = "worst", Attack = "nan", Across = "krum(f=1)" });

        static TestCaseData Case(string what, TrainOptions options) => new TestCaseData(options).SetArgDisplayNames(what);
    }

    [TestCaseSource(nameof(Runs))]
    public void EveryStepComesOutAsLogged(TrainOptions options)
    {
        string folder = TrainInProcess.Run(options).Folder;
        foreach ((int step, int first) in ((int, int)[])[(2, 0), (3, 3), (Steps - 1, 3)])
        {
            ReplayOutcome replay = ReplayedRun.Run(folder, step);
            Assert.That(replay.Differences, Is.Empty);
            IEnumerable<JsonElement> lines = new RunFiles(folder).Steps.Skip(first).Take(step - first + 1);
            int winners = lines.Sum(line => line.GetProperty("roots").EnumerateArray().Count(root => root.ValueKind != JsonValueKind.Null));
            Assert.That((replay.Roots, replay.Weights, replay.ReachedStep), Is.EqualTo((winners, step - first + 2, (long)step)));
        }
    }

    [TestCase("opencl")]
    [TestCase("simulator")]
    public void AnotherDeviceFindsTheSame(string device)
    {
        OpenCl.Require(device == "opencl" ? IlgpuKind.OpenCl : IlgpuKind.Simulator);
        string folder = TrainInProcess.Run(_options with { Across = "centered-clipping(tau=0.1)" }).Folder;
        using Device other = DeviceChoice.Open(device, threads: 1, rank: 0, localRank: 0);
        ReplayOutcome replay = ReplayedRun.Run(folder, Steps - 1, device: other);
        Assert.That(replay.Differences, Is.Empty);
    }

    [Test]
    public void OneGroupIsComparedAlone()
    {
        ReplayOutcome replay = ReplayedRun.Run(TrainInProcess.Run(_options).Folder, Steps - 1, group: 2);
        Assert.That(replay.Differences, Is.Empty);
        Assert.That((replay.Roots, replay.Weights), Is.EqualTo((4, 2)), "three of step 3 and one of step 4; the weights before both");
    }

    [Test]
    public void ARunInTwoWithLargerGroupsIsReplayed()
    {
        string folder = TrainInProcess.Run(_options with { Steps = 2 }).Folder;
        ResumedRun.GoOn(folder, _options with { Ranks = 15, GroupSize = 5 });
        for (int step = 0; step < Steps; step++)
        {
            ReplayOutcome replay = ReplayedRun.Run(folder, step);
            Assert.That(replay.Differences, Is.Empty);
        }
    }

    /// <summary>The options of a step are those that the next checkpoint was made with.</summary>
    [Test]
    public void ARunThatWentOnWithOtherGroupsIsReplayedAsFarAsItsOptionsAreKnown()
    {
        TrainOptions more = _options with { Ranks = 15 };
        string folder = TrainInProcess.Run(_options with { Steps = 3 }).Folder;
        ResumedRun.GoOn(folder, more);
        ReplayOutcome replay = ReplayedRun.Run(folder, 4);
        Assert.That((replay.Differences, replay.Roots), Is.EqualTo((Array.Empty<string>(), 10)));
        Directory.Delete(new CheckpointStore(folder).PathOf(Steps), recursive: true);
        MpiOutcome outcome = ReplayedRun.Program(folder, "--step 4");
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Usage));
        Assert.That(outcome.Errors, Does.Contain("step 3 has 5 groups, and the options that are known make 3"));
    }

    [Test]
    public void ADamagedCheckpointIsNamedAndTheOneBeforeIsTaken()
    {
        string folder = TrainInProcess.Run(_options).Folder, damaged = Path.Combine(new CheckpointStore(folder).PathOf(3), Checkpoint.WeightsFile);
        File.AppendAllText(damaged, " ");
        List<string> said = [];
        Assert.That(ReplayRange.Find(folder, 4, said.Add).First, Is.Zero);
        Assert.That(said, Has.Count.EqualTo(1).And.ItemAt(0).Contains(damaged));
        ReplayOutcome replay = ReplayedRun.Run(folder, 4);
        Assert.That(replay.Differences, Is.Empty);
    }

    [Test]
    public void TheCommandSaysWhatItHasCompared()
    {
        RunFiles run = TrainInProcess.Run(_options with { Byzantine = 1, Attack = "bit-flip" });
        MpiOutcome outcome = ReplayedRun.Program(run.Folder, "--step 4 --device cpu --threads 2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        string[] lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines[0], Does.StartWith($"{run.Folder}, step 4: equal; compared 6 roots of groups and 3 roots of weights, computed from checkpoint 00000003 on cpu ("));
        Assert.That(lines[1..], Is.EqualTo(File.ReadLines(Path.Combine(run.Folder, "blame.csv")).Where(line => line.StartsWith("4,", StringComparison.Ordinal)).Select(line => $"blame.csv: {line}")));
        Assert.That(ReplayedRun.Program(run.Folder, "--step 4 --group 1").Output, Does.StartWith($"{run.Folder}, step 4, group 1: equal; compared 4 roots of groups and 2 roots of weights"));
    }

    [Test]
    public void TheLastWeightsOfARunWithoutCheckpointsAreKnownNowhere()
        => Assert.That(ReplayedRun.Program(TrainInProcess.Run(_options with { CheckpointEvery = default }).Folder, "--step 4").Output, Does.Contain("computed from the initialisation").And.EndsWith("; the weights behind it are logged nowhere\n"));

    [TestCase("--step 5", "--step 5: {0} has the steps 0 to 4.")]
    [TestCase("--step -1", "--step -1: at least 0.")]
    [TestCase("--step 4 --group 3", "--group 3: the run has the groups 0 to 2.")]
    [TestCase("--step 4 --group 1", "--group 1: it was void in step 4")]
    [TestCase("--step 4 --threads 0", "--threads 0: at least 1.")]
    [TestCase("--step 4 --device gpu", "--device gpu")]
    [TestCase("--step 4 --device cpu,opencl", "--device cpu,opencl: one device.")]
    [TestCase("--step 4 --data objects", "--data: the run was trained on")]
    [TestCase("--group 1", "--step")]
    public void WhatCannotBeReplayedIsRefused(string line, string said)
    {
        string folder = TrainInProcess.Run(_options).Folder;
        Forgery.ChangeStep(folder, 4, step => step["roots"]![1] = null);
        MpiOutcome outcome = ReplayedRun.Program(folder, line);
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Usage), outcome.Errors);
        Assert.That(outcome.Errors, Does.Contain(string.Format(CultureInfo.InvariantCulture, said, folder)));
    }

    [Test]
    public void ALogThatIsNotAsWrittenIsNotReplayed()
    {
        string folder = TrainInProcess.Run(_options).Folder, steps = Path.Combine(folder, "steps.jsonl");
        File.WriteAllText(steps, File.ReadAllText(steps).Replace("\"step\":1,", "\"step\":1 ,", StringComparison.Ordinal));
        DetoxException error = Assert.Throws<DetoxException>(() => ReplayRange.Find(folder, 2, _ => { }))!;
        Assert.That((error.Code, error.Message), Is.EqualTo((ExitCode.Unexpected, $"{steps}, line 2: the line is not as it was written; 'detox verify {folder}' checks the other files too.")));
    }
}

using Detox.Mpi;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Training;
using Detox.Tests.Data;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A run that was stopped and goes on ends in the bits of one that nobody stopped; one that cannot go on says why.</summary>
public sealed class ResumeTests
{
    private const int Steps = 8;
    private static readonly TrainOptions _options = TrainInProcess.Small with { Steps = Steps, CheckpointEvery = CheckpointInterval.Parse("2") };

    private static IEnumerable<TestCaseData> Runs()
    {
        yield return Case("plain", _options);
        yield return Case("the optimizer's state", _options with { Momentum = 0.9f, WeightDecay = 0.01f, WeightDecayOn = WeightDecayOn.Weights });
        yield return Case("warm-up and stairs", _options with { WarmUp = 3, Schedule = "step(every=2,factor=0.5)" });
        yield return Case("a rule that keeps its centre", _options with { Across = "centered-clipping(tau=0.1)" });
        yield return Case("a rule and buckets that are drawn", _options with { Pre = "bucketing(s=2)", Across = "geometric-median" });
        yield return Case("dissenters", _options with { Byzantine = 2, Attack = "bit-flip" });
        yield return Case("attackers with a plan", _options with { Ranks = 15, Byzantine = 2, Attack = "alie" });
        yield return Case("void groups", _options with { Byzantine = 4, Attack = "nan", OnVoid = OnVoid.Recompute });

        static TestCaseData Case(string what, TrainOptions options) => new TestCaseData(options).SetArgDisplayNames(what);
    }

    [TestCaseSource(nameof(Runs))]
    public void ARunInTwoIsTheRunInOne(TrainOptions options)
    {
        RunFiles whole = TrainInProcess.Run(options);
        foreach (int first in (int[])[options.WarmUp + 1, Steps - 2]) Histories.AssertEqual(whole, ResumedRun.InTwo(options, first));
    }

    [Test]
    public void RunningStatisticsGoOnToo()
    {
        const int side = 8;
        using TempFolder data = new();
        data.WriteIdx("train", 60, side);
        data.WriteIdx("t10k", 20, side);
        TrainOptions options = _options with { Ranks = 3, Model = "resnet18", Data = data.Path, Batch = 2 };
        Histories.AssertEqual(TrainInProcess.Run(options), ResumedRun.InTwo(options, first: 5));
    }

    /// <summary>Where a run is stopped behind a checkpoint its logs are longer than that knows.</summary>
    [Test]
    public void WhatIsBehindTheCheckpointIsCutOff()
    {
        RunFiles whole = TrainInProcess.Run(_options), stopped = TrainInProcess.Run(_options with { Steps = 5 });
        Directory.Delete(new CheckpointStore(stopped.Folder).PathOf(5), recursive: true);
        File.AppendAllText(Path.Combine(stopped.Folder, "steps.jsonl"), "{\"step\":5,\"lo");
        Histories.AssertEqual(whole, ResumedRun.GoOn(stopped.Folder, _options));
    }

    [Test]
    public void ARunWithoutACheckpointBeginsAnew()
    {
        RunFiles whole = TrainInProcess.Run(_options), stopped = TrainInProcess.Run(_options with { Steps = 5 });
        Directory.Delete(new CheckpointStore(stopped.Folder).Path, recursive: true);
        Histories.AssertEqual(whole, ResumedRun.GoOn(stopped.Folder, _options));
    }

    [Test]
    public void MoreThreadsAndAnotherDeviceMakeTheSameBits()
    {
        RunFiles whole = TrainInProcess.Run(_options), stopped = TrainInProcess.Run(_options with { Steps = 4, Threads = 1 });
        Assert.That(ResumedRun.GoOn(stopped.Folder, _options with { Threads = 2, Device = "simulator" }).Weights, Is.EqualTo(whole.Weights));
    }

    [Test]
    public void GroupsOfFiveMakeTheBitsOfGroupsOfThree()
    {
        RunFiles whole = TrainInProcess.Run(_options), stopped = TrainInProcess.Run(_options with { Steps = 4 });
        Assert.That(ResumedRun.GoOn(stopped.Folder, _options with { Ranks = 15, GroupSize = 5 }).Weights, Is.EqualTo(whole.Weights));
    }

    [Test]
    public void OnlyTheLastTwoCheckpointsAreKept()
    {
        IReadOnlyList<long> steps = new CheckpointStore(ResumedRun.InTwo(_options, first: 5).Folder).Steps();
        Assert.That(steps, Has.Count.EqualTo(CheckpointStore.Kept));
        Assert.That(steps[0], Is.EqualTo(Steps));
    }

    [Test]
    public void ARunThatIsNeverSavedHasNoCheckpoints()
        => Assert.That(Directory.Exists(new CheckpointStore(TrainInProcess.Run(_options with { CheckpointEvery = default }).Folder).Path), Is.False);

    [TestCase("--batch 9", "--batch 9: the run has 8, and its bits depend on it.")]
    [TestCase("--across mean", "--across mean: the run has median, and its bits depend on it.")]
    [TestCase("--seed 2", "--seed 2: the run has 1")]
    [TestCase("--ranks 12", "12 ranks in groups of 3 make 4 groups, and the run has 3")]
    [TestCase("--byzantine 2", "the rules would be told f = 1, and the run's are told 0; between 0 and 1 mean the same in groups of 3")]
    public void WhatTouchesBitsIsRefused(string line, string said)
    {
        string folder = TrainInProcess.Run(_options with { Steps = 2 }).Folder;
        var outcome = DetoxProgram.Run(null, 1, $"--resume {folder} --steps 4 {line}");
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Usage), outcome.Errors);
        Assert.That(outcome.Errors, Does.Contain(said));
    }

    [Test]
    public void ACosineThatIsLongerIsAnotherOne()
    {
        TrainOptions cosine = _options with { Schedule = "cosine" };
        string folder = TrainInProcess.Run(cosine with { Steps = 4 }).Folder;
        Assert.That(DetoxProgram.Run(null, 1, $"--resume {folder} --steps 8").Errors, Does.Contain("--steps 8: the learning rates of the 4 steps behind it depend on the run's 4"));
    }

    [Test]
    public void AutoBeginsAndGoesOn()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        string options = $"--ranks 9 --model softmax --batch 8 --byzantine 0 --resume auto --out {folder} --name run";
        Assert.That(DetoxProgram.Run(null, 1, $"{options} --steps 4").ExitCode, Is.Zero);
        Assert.That(DetoxProgram.Run(null, 1, $"{options} --steps {Steps}").ExitCode, Is.Zero);
        Assert.That(new RunFiles(Path.Combine(folder, "run")).Weights, Is.EqualTo(TrainInProcess.Run(_options).Weights));
    }

    [Test]
    public void ARunThatHasEndedIsLeftAsItIs()
    {
        RunFiles run = TrainInProcess.Run(_options);
        RunFiles again = ResumedRun.GoOn(run.Folder, _options);
        Histories.AssertEqual(run, again);
    }

    [Test]
    public void AfterThreeFailuresBehindOneCheckpointTheRunIsNotTriedAgain()
    {
        string folder = TrainInProcess.Run(_options with { Steps = 4 }).Folder;
        for (int i = 0; i < CheckpointStore.MostTries; i++) ResumePoint.Find(folder, _ => { }).Begin();
        DetoxException error = Assert.Throws<DetoxException>(() => ResumePoint.Find(folder, _ => { }))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.NoCheckpoint));
        Assert.That(error.Message, Does.Contain("3 times").And.Contain(".tried-00000004-*"));
        foreach (string tried in Directory.EnumerateFiles(new CheckpointStore(folder).Path, ".tried-00000004-*")) File.Delete(tried);
        ResumedRun.GoOn(folder, _options);
    }
}

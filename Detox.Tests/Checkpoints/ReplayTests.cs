using System.Globalization;
using System.Text.Json;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Digests;
using Detox.Mpi;
using Detox.Mpi.Attacks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Commands;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Tests.Kernels;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A step of a run comes out as logged when it is computed once more; where it does not, step, group and element are named.</summary>
public sealed class ReplayTests
{
    private const int Steps = 5;
    private const int SharedFault = 101;
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
            Outcome replay = Run(folder, step);
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
        Outcome replay = Run(folder, Steps - 1, device: other);
        Assert.That(replay.Differences, Is.Empty);
    }

    [Test]
    public void OneGroupIsComparedAlone()
    {
        Outcome replay = Run(TrainInProcess.Run(_options).Folder, Steps - 1, group: 2);
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
            Outcome replay = Run(folder, step);
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
        Outcome replay = Run(folder, 4);
        Assert.That((replay.Differences, replay.Roots), Is.EqualTo((Array.Empty<string>(), 10)));
        Directory.Delete(new CheckpointStore(folder).PathOf(Steps), recursive: true);
        MpiOutcome outcome = Program(folder, "--step 4");
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
        Outcome replay = Run(folder, 4);
        Assert.That(replay.Differences, Is.Empty);
    }

    [Test]
    public void AnotherRootIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder, other = new('5', 64), right = "";
        Forgery.ChangeStep(folder, 1, line =>
        {
            right = (string)line["roots"]![2]!;
            line["roots"]![2] = other;
        });
        Outcome replay = Run(folder, 2);
        Assert.That(replay.ReachedStep, Is.EqualTo(1));
        Assert.That(replay.Differences, Has.Count.EqualTo(4));
        Assert.That(replay.Differences[0], Is.EqualTo($"step 1, group 2: expected root {other}, found {right}"));
        Assert.That(replay.Differences[1], Does.Contain("which element differs is not known"));
        Assert.That(replay.Differences[2], Does.StartWith("step 1, group 2: plain loops find what cpu (").And.EndsWith("it is the group's winner that was not the gradient of its samples"));
        Assert.That(replay.Differences[3], Does.Contain("the steps behind step 1 cannot be replayed"));
    }

    [Test]
    public void OtherWeightsAreRankZeros()
    {
        string folder = TrainInProcess.Run(_options).Folder, other = new('5', 64);
        Forgery.ChangeStep(folder, 3, line => line["weights"] = other);
        Outcome replay = Run(folder, 2);
        Assert.That(replay.Differences, Has.Count.EqualTo(2));
        Assert.That(replay.Differences[0], Does.StartWith($"step 3: expected weights {other}, found ").And.Contain("the roots of all groups of step 2 are equal, so it is rank 0's own work").And.Contain("median"));
        Assert.That(replay.Differences[1], Is.EqualTo("step 3: checkpoint 00000003 has the weights that were found here"));
        Outcome from = Run(folder, 3);
        Assert.That(from.Differences, Has.Count.EqualTo(1).And.ItemAt(0).Contains("checkpoint 00000003 has other weights than the step was computed with"));
    }

    /// <summary>A run whose rank 0 took other steps than its options say.</summary>
    [Test]
    public void TheFirstWeightThatDiffersIsNamedWhereACheckpointHasThem()
    {
        string folder = TrainInProcess.Run(_options with { Steps = 2, CheckpointEvery = CheckpointInterval.Parse("1") }).Folder;
        Forgery.ChangeState(new CheckpointStore(folder).PathOf(1), state => state with { Config = state.Config.Replace("learning-rate = 0.01", "learning-rate = 0.02", StringComparison.Ordinal) });
        Outcome replay = Run(folder, 0);
        Assert.That(replay.Differences, Has.Count.EqualTo(2));
        Assert.That(replay.Differences[0], Does.StartWith("step 1: expected weights "));
        Assert.That(replay.Differences[1], Does.Match(@"^step 1: first at linear\.weight\[0,0\] \(element 0\), expected \S+ by checkpoint 00000001, found \S+$"));
    }

    [TestCase("loss")]
    [TestCase("learning_rate")]
    public void AnotherNumberIsNamed(string name)
    {
        string folder = TrainInProcess.Run(_options).Folder;
        Forgery.ChangeStep(folder, 3, line => line[name] = 0.25);
        Outcome replay = Run(folder, 4);
        Assert.That(replay.Differences, Has.Count.EqualTo(1).And.ItemAt(0).StartsWith($"step 3: expected {name.Replace('_', ' ')} 0.25, found "));
    }

    [Test]
    public void AStepThatWasSkippedWithoutNeedIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        Forgery.ChangeStep(folder, 3, line => line["skipped"] = "there is no winner");
        Outcome replay = Run(folder, 4);
        Assert.That(replay.Differences, Is.EqualTo(new[] { "step 3: by its log it was skipped, since there is no winner; here it does not need to be" }));
    }

    [Test]
    public void ACapturedGroupIsNamedAndEndsTheReplay()
    {
        TrainOptions options = _options with { Byzantine = 2, Placement = "worst", Attack = "reverse", CheckpointEvery = default };
        RunFiles run = TrainInProcess.Run(options);
        (int captured, int honest) = Captured(options);
        Outcome replay = Run(run.Folder, 3);
        Assert.That(replay.ReachedStep, Is.Zero);
        Assert.That(replay.Differences[0], Does.StartWith($"step 0, group {captured}: expected root "));
        Assert.That(replay.Differences[1], Does.EndWith($"that of rank {honest}, which was outvoted"));
        Assert.That(replay.Differences[2], Does.Contain("it is the group's winner"));
        Assert.That(replay.Differences[3], Does.Contain("the steps behind step 0 cannot be replayed"));
        Outcome other = Run(run.Folder, 0, group: (captured + 1) % options.GroupCount);
        Assert.That(other.Differences, Is.Empty);
    }

    [Test]
    public void AFaultThatAGroupSharesIsNamedByItsElement()
    {
        TrainOptions options = _options with { Byzantine = 2, Placement = "worst", CheckpointEvery = default };
        (int captured, int honest) = Captured(options);
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        TrainOptions resolved = (options with { Out = folder, Name = "run" }).Resolve(launchedRanks: null, cores: 2);
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        Experiment experiment = new(new SharedFaultAttack(), Placement.Create(options.Placement, groups, options.Byzantine!.Value, options.Seed));
        Assert.That(TrainCommand.ExecuteInProcess(resolved, new RunContext(experiment)), Is.EqualTo(ExitCode.Done));
        RunFiles run = new(Path.Combine(folder, "run"));
        string[] row = run.Blame.Single();
        Outcome before = Run(run.Folder, 1);
        Assert.That(before.Differences, Is.Empty);
        Outcome replay = Run(run.Folder, 3);
        Assert.That(replay.Differences, Has.Count.EqualTo(4));
        Assert.That(
            replay.Differences[1],
            Is.EqualTo($"step 2, group {captured}: linear.weight[10,1] (element {SharedFault}): the winner had 5, rank {honest} {row[8]}; found {row[8]}, that of rank {honest}, which was outvoted"));
        MpiOutcome outcome = Program(run.Folder, "--step 2");
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Unexpected));
        Assert.That(outcome.Output, Does.Contain($"blame.csv: 2,{honest},{captured},dissent,1,{SharedFault},\"{row[6]}\",5,{row[8]}"));
    }

    [Test]
    public void ADeviceThatComputesWrongIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        using WrongDevice wrong = new(_options.Batch * 28 * 28);
        Outcome replay = Run(folder, 4, device: wrong);
        Assert.That(replay.Differences[2], Does.Match(@"^step 3, group 0: plain loops find the expected root, so wrong computes wrong: first at linear\.\w+\[[\d,]+\] \(element \d+\), expected \S+, found \S+$"));
    }

    [Test]
    public void TheCommandSaysWhatItHasCompared()
    {
        RunFiles run = TrainInProcess.Run(_options with { Byzantine = 1, Attack = "bit-flip" });
        MpiOutcome outcome = Program(run.Folder, "--step 4 --device cpu --threads 2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        string[] lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.That(lines[0], Does.StartWith($"{run.Folder}, step 4: equal; compared 6 roots of groups and 3 roots of weights, computed from checkpoint 00000003 on cpu ("));
        Assert.That(lines[1..], Is.EqualTo(File.ReadLines(Path.Combine(run.Folder, "blame.csv")).Where(line => line.StartsWith("4,", StringComparison.Ordinal)).Select(line => $"blame.csv: {line}")));
        Assert.That(Program(run.Folder, "--step 4 --group 1").Output, Does.StartWith($"{run.Folder}, step 4, group 1: equal; compared 4 roots of groups and 2 roots of weights"));
    }

    [Test]
    public void TheLastWeightsOfARunWithoutCheckpointsAreKnownNowhere()
        => Assert.That(Program(TrainInProcess.Run(_options with { CheckpointEvery = default }).Folder, "--step 4").Output, Does.Contain("computed from the initialisation").And.EndsWith("; the weights behind it are logged nowhere\n"));

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
        MpiOutcome outcome = Program(folder, line);
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

    private static Outcome Run(string folder, int step, int? group = null, Device? device = null)
    {
        ReplayRange range = ReplayRange.Find(folder, step, _ => { });
        TrainOptions options = range.Options();
        using CpuDevice own = new(2);
        using Replay replay = new(range, options, DataSource.Open(options.Data, options.Seed), device ?? own);
        replay.Run(group);
        return new Outcome(replay.Differences, replay.Roots, replay.Weights, replay.ReachedStep);
    }

    private static MpiOutcome Program(string folder, string line) => DetoxProgram.Run(null, 1, $"replay {folder} {line}");

    /// <summary>The group whose vote two of its ranks win, and the third of them.</summary>
    private static (int Group, int Honest) Captured(TrainOptions options)
    {
        bool[] isByzantine = AttackFaults.Byzantine(options, 0);
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        int captured = Enumerable.Range(0, groups.GroupCount).Single(group => groups.HasMajority(group, isByzantine));
        return (captured, groups.Members(captured).ToArray().Single(rank => !isByzantine[rank]));
    }

    private sealed record Outcome(IReadOnlyList<string> Differences, int Roots, int Weights, long ReachedStep);

    /// <summary>Two ranks with the same broken unit, in one step.</summary>
    private sealed class SharedFaultAttack : Attack
    {
        public override string Name => "shared fault";

        public override void Replace(Span<float> payload, in AttackContext context)
        {
            if (context.Step == 2) payload[SharedFault] = 5;
        }
    }

    /// <summary>Plain loops, and a memory in which images of a whole batch are damaged.</summary>
    private sealed class WrongDevice(int imageFloats) : Device
    {
        public override string Name => "wrong";

        public override bool SharesHostMemory => false;

        public override long AllocatedBytes => 0;

        public override DeviceBuffer Allocate(long length) => new CpuBuffer(length);

        public override Memory<float> AllocateHost(int length) => new float[length];

        public override Memory<float> HostMemory(View view) => throw new NotSupportedException();

        public override void Write(ReadOnlySpan<float> from, View to)
        {
            from.CopyTo(to.Floats);
            if (from.Length == imageFloats) to.Floats[0] += 1;
        }

        public override void Read(View from, Span<float> to) => from.Floats.CopyTo(to);

        public override void Copy(View from, View to) => from.Floats.CopyTo(to.Floats);

        public override void Dispose()
        {
        }

        protected override void Execute<TOp>(in TOp op) => op.Reference();
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi;
using Detox.Mpi.Attacks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Commands;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Tests.Messaging;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>Where a step does not come out as logged, step and group are named, and the element as far as that can be known.</summary>
public sealed class ReplayDifferenceTests
{
    private const int SharedFault = 101;
    private static readonly TrainOptions _options = TrainInProcess.Small with { Steps = 5, CheckpointEvery = CheckpointInterval.Parse("3") };

    [Test]
    public void AnotherRootIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder, other = new('5', 64), right = "";
        Forgery.ChangeStep(folder, 1, line =>
        {
            right = (string)line["roots"]![2]!;
            line["roots"]![2] = other;
        });
        ReplayOutcome replay = ReplayedRun.Run(folder, 2);
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
        ReplayOutcome replay = ReplayedRun.Run(folder, 2);
        Assert.That(replay.Differences, Has.Count.EqualTo(2));
        Assert.That(replay.Differences[0], Does.StartWith($"step 3: expected weights {other}, found ").And.Contain("the roots of all groups of step 2 are equal, so it is rank 0's own work").And.Contain("median"));
        Assert.That(replay.Differences[1], Is.EqualTo("step 3: checkpoint 00000003 has the weights that were found here"));
        ReplayOutcome from = ReplayedRun.Run(folder, 3);
        Assert.That(from.Differences, Has.Count.EqualTo(1).And.ItemAt(0).Contains("checkpoint 00000003 has other weights than the step was computed with"));
    }

    /// <summary>A run whose rank 0 took other steps than its options say.</summary>
    [Test]
    public void TheFirstWeightThatDiffersIsNamedWhereACheckpointHasThem()
    {
        string folder = TrainInProcess.Run(_options with { Steps = 2, CheckpointEvery = CheckpointInterval.Parse("1") }).Folder;
        Forgery.ChangeState(new CheckpointStore(folder).PathOf(1), state => state with { Config = state.Config.Replace("learning-rate = 0.01", "learning-rate = 0.02", StringComparison.Ordinal) });
        ReplayOutcome replay = ReplayedRun.Run(folder, 0);
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
        ReplayOutcome replay = ReplayedRun.Run(folder, 4);
        Assert.That(replay.Differences, Has.Count.EqualTo(1).And.ItemAt(0).StartsWith($"step 3: expected {name.Replace('_', ' ')} 0.25, found "));
    }

    [Test]
    public void AStepThatWasSkippedWithoutNeedIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        Forgery.ChangeStep(folder, 3, line => line["skipped"] = "there is no winner");
        ReplayOutcome replay = ReplayedRun.Run(folder, 4);
        Assert.That(replay.Differences, Is.EqualTo(new[] { "step 3: by its log it was skipped, since there is no winner; here it does not need to be" }));
    }

    [Test]
    public void ACapturedGroupIsNamedAndEndsTheReplay()
    {
        TrainOptions options = _options with { Byzantine = 2, Placement = "worst", Attack = "reverse", CheckpointEvery = default };
        RunFiles run = TrainInProcess.Run(options);
        (int captured, int honest) = Captured(options);
        ReplayOutcome replay = ReplayedRun.Run(run.Folder, 3);
        Assert.That(replay.ReachedStep, Is.Zero);
        Assert.That(replay.Differences[0], Does.StartWith($"step 0, group {captured}: expected root "));
        Assert.That(replay.Differences[1], Does.EndWith($"that of rank {honest}, which was outvoted"));
        Assert.That(replay.Differences[2], Does.Contain("it is the group's winner"));
        Assert.That(replay.Differences[3], Does.Contain("the steps behind step 0 cannot be replayed"));
        ReplayOutcome other = ReplayedRun.Run(run.Folder, 0, group: (captured + 1) % options.GroupCount);
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
        ReplayOutcome before = ReplayedRun.Run(run.Folder, 1);
        Assert.That(before.Differences, Is.Empty);
        ReplayOutcome replay = ReplayedRun.Run(run.Folder, 3);
        Assert.That(replay.Differences, Has.Count.EqualTo(4));
        Assert.That(
            replay.Differences[1],
            Is.EqualTo($"step 2, group {captured}: linear.weight[10,1] (element {SharedFault}): the winner had 5, rank {honest} {row[8]}; found {row[8]}, that of rank {honest}, which was outvoted"));
        MpiOutcome outcome = ReplayedRun.Program(run.Folder, "--step 2");
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Unexpected));
        Assert.That(outcome.Output, Does.Contain($"blame.csv: 2,{honest},{captured},dissent,1,{SharedFault},\"{row[6]}\",5,{row[8]}"));
    }

    [Test]
    public void ADeviceThatComputesWrongIsNamed()
    {
        string folder = TrainInProcess.Run(_options).Folder;
        using WrongDevice wrong = new(_options.Batch * 28 * 28);
        ReplayOutcome replay = ReplayedRun.Run(folder, 4, device: wrong);
        Assert.That(replay.Differences[2], Does.Match(@"^step 3, group 0: plain loops find the expected root, so wrong computes wrong: first at linear\.\w+\[[\d,]+\] \(element \d+\), expected \S+, found \S+$"));
    }

    /// <summary>The group whose vote two of its ranks win, and the third of them.</summary>
    private static (int Group, int Honest) Captured(TrainOptions options)
    {
        bool[] isByzantine = AttackFaults.Byzantine(options, 0);
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        int captured = Enumerable.Range(0, groups.GroupCount).Single(group => groups.HasMajority(group, isByzantine));
        return (captured, groups.Members(captured).ToArray().Single(rank => !isByzantine[rank]));
    }

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

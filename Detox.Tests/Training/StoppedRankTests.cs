using Detox.Mpi.Groups;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Ranks whose processes are stopped in mid-run cost the run its patience once, and no bit.</summary>
[Category("Ranks")]
public sealed class StoppedRankTests
{
    private const int Steps = 60;
    private const int StopAfter = 20;

    [TestCase(MpiRunner.OpenMpi, 1)]
    [TestCase(MpiRunner.OpenMpi, 3)]
    [TestCase(MpiRunner.Mpich, 1)]
    [TestCase(MpiRunner.Mpich, 3)]
    public void OneStoppedRankIsAbsentFromThenOn(string launcher, int nodes) => RunWithout(launcher, nodes, [5]);

    [TestCase(MpiRunner.OpenMpi, 1)]
    [TestCase(MpiRunner.Mpich, 3)]
    public void TwoStoppedRanksOfTwoGroupsAreAbsentFromThenOn(string launcher, int nodes)
    {
        GroupTable groups = PacedRun.Groups();
        RunWithout(launcher, nodes, [groups.Members(0)[1], groups.Members(2)[2]]);
    }

    [TestCase(MpiRunner.OpenMpi, 3)]
    [TestCase(MpiRunner.Mpich, 1)]
    public void AStoppedRankThatGoesOnVotesAgain(string launcher, int nodes)
    {
        const int steps = 100, rank = 5;
        using RunningTraining training = PacedRun.Start(launcher, steps, nodes);
        training.AwaitSteps(StopAfter);
        training.Signal(rank, MpiJob.Stop);
        training.AwaitSteps(StopAfter + 15);
        training.Signal(rank, MpiJob.Continue);
        RunFiles run = training.WaitForSuccess();
        Assert.That(run.Weights, Is.EqualTo(PacedRun.Undisturbed(steps)));
        PacedRun.AssertAbsentOnce(run, [rank]);
        Assert.That(run.Steps.Count(step => PacedRun.Missing(step).Contains(rank)), Is.InRange(10, steps - StopAfter - 15));
        Assert.That(run.Steps.TakeLast(10).SelectMany(PacedRun.Missing), Is.Empty);
    }

    private static void RunWithout(string launcher, int nodes, int[] stopped)
    {
        using RunningTraining training = PacedRun.Start(launcher, Steps, nodes);
        training.AwaitSteps(StopAfter);
        foreach (int rank in stopped) training.Signal(rank, MpiJob.Stop);
        RunFiles run = training.WaitForSuccess();
        Assert.That(run.Weights, Is.EqualTo(PacedRun.Undisturbed(Steps)));
        PacedRun.AssertAbsentOnce(run, stopped);
        Assert.That(PacedRun.Missing(run.Steps[^1]), Is.EquivalentTo(stopped));
        PacedRun.AssertAsQuickAsBefore(run);
    }
}

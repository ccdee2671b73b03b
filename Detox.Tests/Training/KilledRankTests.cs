using System.Text.RegularExpressions;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The death of a rank ends no run of which the launcher leaves the other ranks alive, and else ends the whole job at once.</summary>
[Category("Ranks")]
public sealed class KilledRankTests
{
    private const string Recovery = "--enable-recovery";
    private const int KillAfter = 20;
    private const int Killed = 6;

    private static IEnumerable<int> Repetitions => Enumerable.Range(1, Campaign.IsFull ? 20 : 1);

    [TestCaseSource(nameof(Repetitions))]
    public void WhereTheOthersLiveTheRunGoesOn(int repetition)
    {
        const int steps = 50;
        int rank = 1 + ((Killed + repetition - 2) % (PacedRun.Ranks - 1));
        using RunningTraining training = PacedRun.Start(MpiRunner.OpenMpi, steps, launcherOptions: Recovery);
        training.AwaitSteps(KillAfter);
        training.Signal(rank, MpiJob.Kill);
        RunFiles run = training.WaitForSuccess();
        Assert.That(run.Weights, Is.EqualTo(PacedRun.Undisturbed(steps)));
        PacedRun.AssertAbsentOnce(run, [rank]);
        PacedRun.AssertAsQuickAsBefore(run);
    }

    [Test]
    public void ARankThatDiesByItselfIsAbsent()
    {
        const string options = "--model softmax --batch 5 --steps 10 --evaluate-every 0 --patience 1 --byzantine 1 --placement fixed --seed 3";
        using RunningTraining training = DetoxProgram.Start(MpiRunner.OpenMpi, PacedRun.Ranks, $"{options} --attack die", launcherOptions: Recovery);
        RunFiles run = training.WaitForSuccess();
        Assert.That(run.Weights, Is.EqualTo(DetoxProgram.Train(null, PacedRun.Ranks, $"{options} --attack none").Weights));
        PacedRun.AssertAbsentOnce(run, [Killed]);
    }

    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void ElseTheJobEndsAtOnce(string launcher)
    {
        const int longestSeconds = 10;
        using RunningTraining training = PacedRun.Start(launcher, steps: 2000);
        training.AwaitSteps(KillAfter);
        string[] hosts = [.. Enumerable.Range(0, PacedRun.Ranks).Select(rank => training.Place(rank).Host)];
        string[] processes = [.. Enumerable.Range(0, PacedRun.Ranks).Select(rank => $"{training.Place(rank).Process}")];
        long start = Environment.TickCount64;
        training.Signal(Killed, MpiJob.Kill);
        MpiOutcome outcome = training.Wait();
        Assert.That(Environment.TickCount64 - start, Is.LessThan(longestSeconds * 1000));
        Assert.That(outcome.ExitCode, Is.Not.Zero);
        Assert.That(training.HasResult, Is.False);
        training.Job.AssertNothingIsLeft();
        string said = outcome.Output + outcome.Errors;
        if (launcher == MpiRunner.OpenMpi)
        {
            Assert.That(said, Does.Match($@"rank {Killed} with PID \d+ on node {hosts[Killed]} exited on signal 9"));
            return;
        }

        // Hydra ends the others too, and names the first of all that it finds ended: a process of the run, but not always that which died first.
        Match named = Regex.Match(said, @"PID (\d+) RUNNING AT (\S+)");
        Assert.That(named.Success, Is.True, said);
        Assert.That(processes, Does.Contain(named.Groups[1].Value));
        Assert.That(hosts, Does.Contain(named.Groups[2].Value));
        Assert.That(said, Does.Contain("Killed (signal 9)"));
    }
}

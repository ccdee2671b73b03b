using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The death of a rank ends no run of which the launcher leaves the other ranks alive, and else ends the whole job at once, by name.</summary>
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

    /// <summary>Rank 0, the first and the last of a node, and others.</summary>
    private static IEnumerable<TestCaseData> Deaths()
    {
        const int stride = 7;
        yield return new TestCaseData(MpiRunner.OpenMpi, 1, Killed);
        foreach ((int nodes, int rank) in ((int, int)[])[(1, 0), (1, PacedRun.Ranks - 1), (3, 3)]) yield return new TestCaseData(MpiRunner.Mpich, nodes, rank);
        foreach (int repetition in Repetitions) yield return new TestCaseData(MpiRunner.Mpich, 1, (stride * repetition - 1) % PacedRun.Ranks);
    }

    [TestCaseSource(nameof(Deaths))]
    public void ElseTheJobEndsAtOnceAndTheRankIsNamed(string launcher, int nodes, int rank)
    {
        const int longestSeconds = 10;
        using RunningTraining training = PacedRun.Start(launcher, steps: 2000, nodes);
        training.AwaitSteps(KillAfter);
        (string host, int process) = training.Place(rank);
        long start = Environment.TickCount64;
        training.Signal(rank, MpiJob.Kill);
        MpiOutcome outcome = training.Wait();
        Assert.That(Environment.TickCount64 - start, Is.LessThan(longestSeconds * 1000));
        Assert.That(outcome.ExitCode, Is.Not.Zero);
        Assert.That(training.HasResult, Is.False);
        training.Job.AssertNothingIsLeft();
        string said = outcome.Output + outcome.Errors;
        if (launcher == MpiRunner.OpenMpi)
        {
            Assert.That(said, Does.Match($@"rank {rank} with PID \d+ on node {host} exited on signal 9"));

            // This launcher asks the others by SIGTERM to end, and they save the run.
            string[] others = [$"rank {rank} on {host} has said nothing", "asks the run to stop"];
            Assert.That(OwnLines(outcome), Is.All.Matches<string>(line => line is not null && others.Any(words => line.Contains(words, StringComparison.Ordinal))));
            return;
        }

        // Where the node is but a part of one, a rank of another part may have been reading the dead one's memory: MPICH's library crashes by that.
        Assert.That(nodes == 1 ? OwnLines(outcome) : OwnLines(outcome).Take(1), Is.EqualTo(new[] { NodeWatchTests.LineOf(rank, host, process) }), said);
    }

    [Test]
    public void ARankThatDiesByItselfIsNamedToo()
    {
        const string options = "--model softmax --batch 5 --steps 50 --evaluate-every 0 --patience 1 --byzantine 1 --placement fixed --seed 3 --attack die";
        using RunningTraining training = DetoxProgram.Start(MpiRunner.Mpich, PacedRun.Ranks, options);
        MpiOutcome outcome = training.Wait();
        Assert.That(outcome.ExitCode, Is.Not.Zero);
        (string host, int process) = training.Place(Killed);
        Assert.That(OwnLines(outcome), Is.EqualTo(new[] { NodeWatchTests.LineOf(Killed, host, process) }));
    }

    private static string[] OwnLines(MpiOutcome outcome) => [.. outcome.Errors.Split('\n').Where(line => line.StartsWith("detox: "))];
}

using System.Globalization;
using System.Text.RegularExpressions;
using Detox.Mpi;
using Detox.Tests.Checkpoints;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Slurm;

/// <summary>The scripts of jobs/ under SLURM: a job that is stopped goes back to the queue, goes on, and ends in the bits of one that nobody stopped.</summary>
[Category("Ranks")]
[NonParallelizable]
public sealed partial class SlurmTests
{
    private const string OpenMpi = "slurm-openmpi.sh", Mpich = "slurm-mpich.sh";
    private const int Ranks = 9;
    private const int FewSteps = 40;

    // SLURM looks every 30 s whose time is nearly over: such a job takes longer than that, however quick the machine is.
    private const int ManySteps = 320;

    private SlurmCluster _cluster = null!;
    private Dictionary<string, int> _longJobs = null!;

    [OneTimeSetUp]
    public void StartCluster()
    {
        MpiRunner.Require(MpiRunner.OpenMpi);
        MpiRunner.Require(MpiRunner.Mpich);
        if (SlurmCluster.Problem() is { } problem) MpiRunner.Lack(problem);
        _cluster = new SlurmCluster();

        // Submitted here, since the other tests have the time to run meanwhile.
        _longJobs = ((string[])[OpenMpi, Mpich]).ToDictionary(script => script, script => _cluster.Submit(script, Ranks, minutes: 1, Options(ManySteps)));
    }

    [OneTimeTearDown]
    public void StopCluster() => _cluster?.Dispose();

    [TestCase(OpenMpi)]
    [TestCase(Mpich)]
    public void WhatAnotherStartDoesNotMendIsNotStartedAgain(string script)
    {
        int job = _cluster.Submit(script, Ranks, minutes: 10, "--byzantine 99");
        IReadOnlyDictionary<string, string> end = _cluster.AwaitEnd(job);
        Assert.That((end["JobState"], end["ExitCode"], end["Restarts"]), Is.EqualTo(("FAILED", $"{(int)ExitCode.Usage}:0", "0")), _cluster.Log(job));
        Assert.That(_cluster.Log(job), Does.Contain("--byzantine 99: between 0 and the 9 ranks."));
    }

    /// <summary>SLURM itself puts a job back as it does for preemption, or every rank alone is told to stop.</summary>
    [TestCase(OpenMpi, "scontrol requeue")]
    [TestCase(Mpich, "scancel --signal=TERM")]
    public void AJobThatIsPutBackEndsInTheSameBits(string script, string command)
    {
        int job = _cluster.Submit(script, Ranks, minutes: 10, Options(FewSteps));
        _cluster.AwaitSteps(job, 5);
        _cluster.Say([.. command.Split(' '), $"{job}"]);
        AssertWentOn(job, FewSteps);
    }

    /// <summary>Its minute is shorter than the 120 s of notice that the script asks for.</summary>
    [TestCase(OpenMpi)]
    [TestCase(Mpich)]
    public void AJobThatWalltimeStopsEndsInTheSameBits(string script)
    {
        int job = _longJobs[script];
        AssertWentOn(job, ManySteps);
        long[] stops = Steps(StopLine(), job);
        Assert.That(stops, Is.Not.Empty, _cluster.Log(job));
        Assert.That(Steps(StartLine(), job), Is.EqualTo(stops), "each start goes on with the step at which the one before it stopped");
    }

    private void AssertWentOn(int job, int steps)
    {
        IReadOnlyDictionary<string, string> end = _cluster.AwaitEnd(job);
        Assert.That((end["JobState"], end["ExitCode"]), Is.EqualTo(("COMPLETED", "0:0")), _cluster.Log(job));
        long[] starts = Steps(StartLine(), job);
        Assert.That(end["Restarts"], Is.EqualTo($"{starts.Length}"), _cluster.Log(job));
        Assert.That(starts, Is.Not.Empty.And.All.InRange(1, steps - 1), _cluster.Log(job));
        Histories.AssertEqual(DetoxProgram.Train(null, Ranks, Options(steps, pause: 0.001)), new RunFiles(_cluster.RunFolder(job)));
    }

    /// <param name="pause">Seconds that every rank waits before its ballot: a step takes as long on any machine.</param>
    private static string Options(int steps, double pause = 0.1)
        => string.Create(CultureInfo.InvariantCulture, $"--across mean --model softmax --batch 5 --evaluate-every 0 --byzantine {Ranks} --attack slow(seconds={pause}) --placement fixed --steps {steps}");

    private long[] Steps(Regex line, int job) => [.. line.Matches(_cluster.Log(job)).Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"^stopped behind step (\d+) of", RegexOptions.Multiline)]
    private static partial Regex StopLine();

    [GeneratedRegex(@"goes on with step (\d+)$", RegexOptions.Multiline)]
    private static partial Regex StartLine();
}

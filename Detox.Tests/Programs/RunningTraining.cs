using System.Diagnostics;
using System.Text.Json;
using Detox.Tests.Messaging;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>A training under a launcher, and what its folder tells of it so far.</summary>
internal sealed class RunningTraining(MpiJob job, string folder) : IDisposable
{
    private const int LimitSeconds = 60;

    public MpiJob Job { get; } = job;

    /// <summary>The run's files, once result.json is there.</summary>
    public RunFiles Files => new(folder);

    public string Folder => folder;

    public bool HasResult => File.Exists(Path.Combine(folder, "result.json"));

    /// <summary>Waits until so many steps are over.</summary>
    public void AwaitSteps(int steps) => Await(() => StepsSoFar() >= steps, $"{steps} steps");

    /// <summary>Waits until the folder says where each rank runs.</summary>
    public void AwaitRanks() => Await(() => File.Exists(Path.Combine(folder, "ranks.csv")), "the ranks");

    public void AwaitResult() => Await(() => HasResult, "the result");

    public (string Host, int Process) Place(int rank)
    {
        string[] row = File.ReadAllLines(Path.Combine(folder, "ranks.csv"))[rank + 1].Split(',');
        Assert.That(row[0], Is.EqualTo($"{rank}"));
        return (row[1], int.Parse(row[2]));
    }

    public void Signal(int rank, int signal) => MpiJob.Signal(Place(rank).Process, signal);

    /// <summary>Ends every process of it at once, by a signal that nothing can catch.</summary>
    public void Kill() => Job.Dispose();

    public MpiOutcome Wait() => Job.Wait(LimitSeconds);

    /// <summary>The end of a run that nothing has kept from its result.</summary>
    public RunFiles WaitForSuccess()
    {
        MpiOutcome outcome = Wait();
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        Job.AssertNothingIsLeft();
        return Files;
    }

    public void Dispose() => Job.Dispose();

    /// <summary>The seconds that a step took, all its phases together.</summary>
    public static double Seconds(JsonElement step) => step.GetProperty("seconds").EnumerateObject().Sum(phase => phase.Value.GetDouble());

    private int StepsSoFar()
    {
        string path = Path.Combine(folder, "steps.jsonl");
        return File.Exists(path) ? File.ReadLines(path).Count() : 0;
    }

    private void Await(Func<bool> isThere, string what)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!isThere())
        {
            if (Job.HasEnded && !isThere()) Assert.Fail($"the run ended before {what}: {Job.Said}");
            if (clock.Elapsed.TotalSeconds > LimitSeconds) Assert.Fail($"no {what} after {LimitSeconds} s");
            Thread.Sleep(5);
        }
    }
}

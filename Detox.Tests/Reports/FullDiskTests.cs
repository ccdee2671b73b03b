using System.Text.Json;
using Detox.Mpi;
using Detox.Mpi.Commands;
using Detox.Mpi.Training;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Reports;

/// <summary>A training whose reports find no room: it goes on to its last step, and its exit code says so.</summary>
[NonParallelizable]
public sealed class FullDiskTests
{
    /// <summary>Reversed gradients, so that blame.csv grows too.</summary>
    private static readonly TrainOptions _long = TrainInProcess.Small with
    {
        Byzantine = 1,
        Attack = "reverse",
        Steps = 120,
        EvaluateEvery = 40,
        Name = "run",
    };

    [Test]
    public void TrainingGoesOnWhenTheDiskIsFull()
    {
        using SmallFolder disk = new(24);
        Spoken run = Train(_long with { Out = disk.Path });
        Assert.That(run.Code, Is.EqualTo(ExitCode.Unexpected));
        string warning = run.Warnings[0];
        Assert.That(run.Warnings, Has.Length.EqualTo(2));
        Assert.That(run.Warnings[1], Does.Contain("the checkpoint of step 120 cannot be saved: No space left on device"));
        Assert.That(warning, Does.Contain(disk.Path).And.Contain("No space left on device").And.Contain("exit code will be 1"));
        Assert.That(run.Errors, Does.Not.Contain("   at "));
        Assert.That(run.Output, Does.Contain("after 120 steps").And.Contain("incomplete: "));
        Assert.That(run.Weights, Is.EqualTo(Undisturbed().Weights));

        string folder = Path.Combine(disk.Path, "run");
        string[] steps = File.ReadAllLines(Path.Combine(folder, "steps.jsonl"));
        Assert.That(steps, Has.Length.InRange(1, 119));
        for (int step = 0; step < steps.Length; step++)
            Assert.That(JsonDocument.Parse(steps[step]).RootElement.GetProperty("step").GetInt32(), Is.EqualTo(step));
        foreach (string log in (string[])["steps.jsonl", "evaluations.csv", "blame.csv"])
            Assert.That(File.ReadAllText(Path.Combine(folder, log)), Does.EndWith("\n"), log);
        Assert.That(File.Exists(Path.Combine(folder, "result.json")), Is.False);
    }

    [Test]
    public void TrainingGoesOnWhenNothingCanBePrinted()
    {
        string runs = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        Spoken run = Train(_long with { Out = runs }, new ClosedWriter());
        Assert.That(run.Code, Is.EqualTo(ExitCode.Unexpected));
        Assert.That(run.Warnings.Single(), Does.Contain("standard output"));
        Assert.That(new RunFiles(Path.Combine(runs, "run")).Weights, Is.EqualTo(Undisturbed().Weights));
    }

    private static Spoken Undisturbed()
    {
        Spoken run = Train(_long with { Out = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N")) });
        Assert.That(run.Code, Is.EqualTo(ExitCode.Done), run.Errors);
        Assert.That(run.Errors, Is.Empty);
        return run;
    }

    private static Spoken Train(TrainOptions options, TextWriter? output = null)
    {
        (TextWriter output, TextWriter errors) before = (Console.Out, Console.Error);
        using StringWriter said = new(), complained = new();
        try
        {
            Console.SetOut(output ?? said);
            Console.SetError(complained);
            ExitCode code = TrainCommand.ExecuteInProcess(options.Resolve(launchedRanks: null, cores: 2));
            return new Spoken(code, said.ToString(), complained.ToString());
        }
        finally
        {
            Console.SetOut(before.output);
            Console.SetError(before.errors);
        }
    }

    private sealed record Spoken(ExitCode Code, string Output, string Errors)
    {
        public string[] Warnings => [.. Errors.Split('\n').Where(line => line.StartsWith("detox: ", StringComparison.Ordinal))];

        public string Weights => Output.Split('\n').Single(line => line.StartsWith("weights_sha256 ", StringComparison.Ordinal)).Split(' ')[1];
    }

    /// <summary>A terminal that has gone, or a redirected output on a full disk.</summary>
    private sealed class ClosedWriter : StringWriter
    {
        public override void Write(string? value) => throw new IOException("No space left on device");
    }
}

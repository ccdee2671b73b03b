using System.Text.Json;
using Detox.Mpi;
using Detox.Mpi.Sweeps;
using Detox.Mpi.Training;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Sweeps;

/// <summary>Sweeps from the command line: the cells are the runs that train would make, and none is run twice.</summary>
[Category("Ranks")]
public sealed class SweepTests
{
    private const string Small =
        """
        ranks = 9
        model = "softmax"
        batch = 4
        steps = 4
        evaluate-every = 0
        byzantine = 2
        attack = ["reverse", "alie(z=1)"]
        seed = [1, 2]

        [methods.D-Median]

        [methods."no vote"]
        group-size = 1
        """;

    /// <summary>Steps of some ten milliseconds, so that a signal comes in the middle.</summary>
    private const string Slow = "ranks = 9\nmodel = \"softmax\"\nbatch = 4\nsteps = 150\nevaluate-every = 0\nbyzantine = 1\nattack = \"slow(seconds=0.01)\"\nplacement = \"fixed\"\nseed = [1, 2, 3]";

    [Test]
    public void ACellIsTheRunThatTrainMakes()
    {
        SweepProgram sweep = new(Small);
        MpiOutcome outcome = sweep.RunToTheEnd("--at-once 3");
        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(sweep.Cells, Has.Count.EqualTo(8));
        sweep.AssertCellsAreWhole();
        JsonElement index = JsonDocument.Parse(File.ReadAllText(Path.Combine(sweep.Folder, SweepFolder.Index))).RootElement;
        Assert.That(index.GetProperty("format").GetInt32(), Is.EqualTo(1));
        Assert.That(index.GetProperty("samples").GetString(), Is.EqualTo("per-rank"));
        Assert.That(index.GetProperty("dimensions").EnumerateArray().Select(name => name.GetString()), Is.EqualTo((string[])["attack", "seed"]));
        string[] rows = [.. sweep.Table.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
        Assert.That(rows[0], Is.EqualTo("folder,method,attack,seed,accuracy,loss,steps,skipped_steps,void_groups,diverged_at_step,weights_sha256"));
        int row = 0;
        foreach (JsonElement cell in index.GetProperty("cells").EnumerateArray())
        {
            string folder = cell.GetProperty("folder").GetString()!, method = cell.GetProperty("method").GetString()!;
            string attack = cell.GetProperty("values").GetProperty("attack").GetString()!, seed = cell.GetProperty("values").GetProperty("seed").GetString()!;
            TrainOptions options = new()
            {
                Ranks = 9,
                Model = "softmax",
                Batch = 4,
                Steps = 4,
                EvaluateEvery = 0,
                Byzantine = 2,
                Attack = attack,
                Seed = ulong.Parse(seed),
                GroupSize = method == "no vote" ? 1 : 3,
            };
            RunFiles alone = TrainInProcess.Run(options), found = new(Path.Combine(sweep.Folder, folder));
            Assert.That(found.Weights, Is.EqualTo(alone.Weights), folder);
            Assert.That(rows[++row], Does.StartWith($"{folder},{method},{attack},{seed},{alone.Result.GetProperty("accuracy").GetRawText()},").And.EndsWith($",{alone.Weights}"));
            string log = File.ReadAllText(Path.Combine(sweep.Folder, folder, "output.log"));
            Assert.That(log, Does.Contain($"run folder {Path.Combine(sweep.Folder, folder)}"));
        }

        Assert.That(outcome.Output, Does.Not.Contain("run folder"));
    }

    [Test]
    public void WhatIsFinishedIsNotRunAgainAndWhatIsBrokenIs()
    {
        SweepProgram sweep = new(Small);
        sweep.RunToTheEnd();
        string table = sweep.Table;
        Dictionary<string, DateTime> before = sweep.Results();
        string[] cells = [.. sweep.Cells];
        File.WriteAllText(Path.Combine(cells[0], "result.json"), "{ \"accuracy\": ");
        File.Delete(Path.Combine(cells[1], "result.json"));
        Directory.Delete(cells[2], recursive: true);
        File.WriteAllText(Path.Combine(cells[3], "config.toml"), "steps = ");
        File.Delete(Path.Combine(cells[3], "result.json"));
        Directory.Delete(Path.Combine(cells[3], "checkpoints"), recursive: true);
        File.WriteAllText(Directory.EnumerateFiles(cells[4], "run.json", SearchOption.AllDirectories).Single(), "{}");
        File.Delete(Path.Combine(cells[4], "result.json"));
        File.Delete(Path.Combine(cells[5], "manifest.json"));
        Assert.That(sweep.RunToTheEnd().Output, Does.Contain("2 finished").And.Contain("6 to do"));
        Assert.That(sweep.Table, Is.EqualTo(table));
        foreach (string cell in cells[5..]) Assert.That(sweep.Results()[cell], Is.EqualTo(before[cell]), cell);
        Assert.That(sweep.RunToTheEnd().Output, Does.Contain("8 finished"));
        sweep.AssertCellsAreWhole();
    }

    [Test]
    public void ACellThatFailsIsSaidAndTheOthersAreThere()
    {
        SweepProgram sweep = new($"{Small}\n[methods.wild]\nlearning-rate = 1e38\nbyzantine = 0\n".Replace("byzantine = 2\n", "", StringComparison.Ordinal));
        for (int time = 0; time < 2; time++)
        {
            MpiOutcome outcome = sweep.Run();
            Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Unexpected), outcome.Output);
            Assert.That(outcome.Errors, Does.Match("detox: wild_attack=none_seed=1_[0-9a-f]+ failed: the training diverged at step"));
            Assert.That(sweep.Finished, Has.Count.EqualTo(10));
        }
    }

    [Test]
    public void AProblemOfTheFileEndsItBeforeAnythingRuns()
    {
        SweepProgram sweep = new(Small.Replace("byzantine = 2", "byzantine = 12", StringComparison.Ordinal));
        MpiOutcome outcome = sweep.Run();
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Errors, Does.Contain("sweep.toml, line 6: --byzantine 12: between 0 and the 9 ranks."));
        Assert.That(Directory.Exists(sweep.Folder), Is.False);
    }

    [Test]
    public void WhatCannotBeRunIsNamedAndLeftOut()
    {
        SweepProgram sweep = new($"refused = \"leave-out\"\n{Small.Replace("byzantine = 2", "byzantine = [0, 4]", StringComparison.Ordinal)}\nacross = \"bulyan\"");
        Assert.That(sweep.RunToTheEnd().Output, Does.Contain("left out: 4 of 'no vote': --across bulyan").And.Contain("4f+3 = 19 rows").And.Contain("8 cells"));
        Assert.That(sweep.Finished, Has.Count.EqualTo(8));
    }

    [Test]
    public void ADryRunWritesNothing()
    {
        SweepProgram sweep = new(Small);
        Assert.That(sweep.RunToTheEnd("--dry-run").Output, Does.Contain("8 cells (2 methods x 2 attack x 2 seed)").And.Contain("8 to do").And.Match("about \\d+ s by a few steps of 2 kinds of cells"));
        Assert.That(Directory.Exists(sweep.Folder), Is.False);
        sweep.RunToTheEnd();
        Directory.Delete(sweep.Cells[0], recursive: true);
        Assert.That(sweep.RunToTheEnd("--dry-run").Output, Does.Contain("7 finished").And.Match("about \\d+ s by 7 finished cells"));
        Assert.That(sweep.Cells, Has.Count.EqualTo(7));
    }

    [TestCase(15)]
    [TestCase(10)]
    [TestCase(2)]
    public void OneSignalStopsAllCellsAndTheSameCommandGoesOn(int signal)
    {
        SweepProgram undisturbed = new(Slow), sweep = new(Slow);
        undisturbed.RunToTheEnd();
        using (MpiJob job = sweep.Start("--at-once 2"))
        {
            while (!job.HasEnded && sweep.Cells.Count(cell => Steps(cell) >= 5) < 2) Thread.Sleep(5);
            job.SignalCommand(signal);
            MpiOutcome outcome = job.Wait(60);
            Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.StoppedWithCheckpoint), $"{outcome.Output}\n{outcome.Errors}");
        }

        Assert.That(sweep.Finished, Is.Empty);
        Assert.That(sweep.Cells, Has.Count.EqualTo(2));
        foreach (string cell in sweep.Cells) Assert.That(Directory.EnumerateDirectories(Path.Combine(cell, "checkpoints")), Is.Not.Empty, cell);
        Assert.That(sweep.RunToTheEnd().Output, Does.Contain("3 to do"));
        Assert.That(sweep.Table, Is.EqualTo(undisturbed.Table));
        foreach (string cell in sweep.Cells.Where(cell => !cell.Contains("seed=3", StringComparison.Ordinal)))
            Assert.That(File.ReadAllText(Path.Combine(cell, "output.log")), Does.Match("goes on with step [1-9]"), cell);
    }

    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void ProcessesOfALauncherShareTheCells(string launcher)
    {
        SweepProgram alone = new(Small), together = new(Small);
        alone.RunToTheEnd();
        MpiOutcome outcome = together.RunToTheEnd(launcher: launcher, ranks: 3);
        Assert.That(together.Table, Is.EqualTo(alone.Table));
        Assert.That(outcome.Output, Does.Contain("0 of 3: 3 to do").And.Contain("1 of 3: 3 to do").And.Contain("2 of 3: 2 to do"));
        foreach (string cell in together.Cells) Assert.That(Ends(cell), Is.EqualTo(1), cell);
    }

    [Test]
    public void TasksOfAnArrayShareTheCells()
    {
        SweepProgram alone = new(Small), together = new(Small);
        alone.RunToTheEnd();
        for (int task = 0; task < 2; task++)
        {
            MpiOutcome outcome = together.Run(environment: [("SLURM_ARRAY_TASK_ID", $"{task}"), ("SLURM_ARRAY_TASK_COUNT", "2"), ("SLURM_ARRAY_TASK_MIN", "0"), ("SLURM_ARRAY_TASK_STEP", "1")]);
            Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
            Assert.That(together.Finished, Has.Count.EqualTo(4 * (task + 1)));
        }

        Assert.That(together.Table, Is.EqualTo(alone.Table));
    }

    /// <summary>Two that were started by mistake: a cell is run by one of them.</summary>
    [Test]
    public void ACellIsNotRunByTwoProcessesAtATime()
    {
        SweepProgram sweep = new(Slow);
        using MpiJob first = sweep.Start("--at-once 3");
        while (!first.HasEnded && sweep.Cells.Count(cell => Steps(cell) >= 1) < 3) Thread.Sleep(5);
        MpiOutcome second = sweep.Run();
        Assert.That(second.ExitCode, Is.EqualTo((int)ExitCode.Unexpected), second.Output);
        Assert.That(second.Errors, Does.Contain("is run by another process"));
        Assert.That(first.Wait(60).ExitCode, Is.Zero);
        foreach (string cell in sweep.Cells) Assert.That(Ends(cell), Is.EqualTo(1), cell);
        sweep.AssertCellsAreWhole();
    }

    /// <summary>How often a run has come to its end in a folder.</summary>
    private static int Ends(string cell) => File.ReadLines(Path.Combine(cell, "output.log")).Count(line => line.StartsWith("run folder ", StringComparison.Ordinal));

    private static int Steps(string cell)
    {
        string path = Path.Combine(cell, "steps.jsonl");
        return File.Exists(path) ? File.ReadLines(path).Count() : 0;
    }
}

using System.Diagnostics;
using System.Text.Json;
using Detox.Mpi;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Reports;

/// <summary>The files of a run while it goes on, on a full disk, and when two runs want one folder.</summary>
public sealed class RunFolderTests
{
    private const string Result = "result.json";
    private static readonly string[] _logs = ["steps.jsonl", "evaluations.csv", "blame.csv"];
    private static readonly TrainOptions _options = TrainInProcess.Small.Resolve(launchedRanks: null, cores: 2);

    [Test]
    public void AStepIsInTheFilesWhenItHasEnded()
    {
        using RunFolder folder = new(New(), Describe, new Losses(Assert.Fail));
        for (int step = 0; step < 3; step++)
        {
            folder.Add(Record(step, blames: 2));
            Assert.That(File.ReadAllLines(Path.Combine(folder.Path, "steps.jsonl")), Has.Length.EqualTo(step + 1));
            Assert.That(File.ReadAllLines(Path.Combine(folder.Path, "blame.csv")), Has.Length.EqualTo(1 + (2 * (step + 1))));
        }

        folder.Add(3, 0.5, new Score(0.25, 2));
        Assert.That(File.ReadAllText(Path.Combine(folder.Path, "evaluations.csv")), Is.EqualTo("step,seconds,accuracy,loss\n3,0.500,0.25000,2\n"));
    }

    [TestCase(Fault.Dissent, "dissent")]
    [TestCase(Fault.VectorMismatch, "vector-mismatch")]
    [TestCase(Fault.DamagedWeights, "damaged-weights")]
    public void AFaultIsWrittenInKebabCase(Fault fault, string text) => Assert.That(RunFolder.Text(fault), Is.EqualTo(text));

    [Test]
    public void ARankWhoseElementIsNotKnownHasEmptyFields()
    {
        using RunFolder folder = new(New(), Describe, new Losses(Assert.Fail));
        StepRecord record = Record(5, blames: 1);
        record.Blames.Add(new Blame(5, 8, 2, Fault.VectorMismatch, 0, -1, 0, 0));
        folder.Add(record);
        Assert.That(File.ReadAllLines(Path.Combine(folder.Path, "blame.csv"))[1..], Is.EqualTo(new[]
        {
            "5,0,0,dissent,1,4,\"w[4]\",0.5,-50",
            "5,8,2,vector-mismatch,0,,,,",
        }));
    }

    [Test]
    public void AStepWithoutBlameAllocatesNothing()
    {
        using RunFolder folder = new(New(), Describe, new Losses(Assert.Fail));
        StepRecord record = Record(0, blames: 0);
        for (int i = 0; i < 100; i++) folder.Add(record);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) folder.Add(record);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1000));
    }

    [Test]
    [Explicit("a measurement")]
    public void WhatAStepCosts()
    {
        using RunFolder folder = new(New() with { Out = Path.GetTempPath() }, Describe, new Losses(Assert.Fail));
        foreach (int blames in (int[])[0, 5])
        {
            StepRecord record = Record(100, blames);
            double[] microseconds = new double[5000];
            for (int i = 0; i < microseconds.Length; i++)
            {
                long start = Stopwatch.GetTimestamp();
                folder.Add(record);
                microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
            }

            Array.Sort(microseconds);
            TestContext.Out.WriteLine($"{blames} blames: median {microseconds[2500]:F1} us, mean {microseconds.Average():F1} us");
        }
    }

    [TestCase(24)]
    [TestCase(32)]
    [TestCase(64)]
    public void AFullDiskLeavesWholeLinesAndNoResult(int kilobytes)
    {
        using SmallFolder disk = new(kilobytes);
        List<string> warnings = [];
        Losses losses = new(warnings.Add);
        using RunFolder folder = new(New() with { Out = disk.Path }, Describe, losses);
        for (int step = 0; step < 500; step++)
        {
            folder.Add(Record(step, blames: 3));
            if (step % 5 == 0) folder.Add(step, step, new Score(0.5, 1));
        }

        folder.Complete(Summary());
        Assert.That(warnings, Has.Count.EqualTo(1));
        Assert.That(losses.Names, Does.Contain(Path.Combine(folder.Path, Result)));
        Assert.That(Directory.EnumerateFiles(folder.Path).Select(Path.GetFileName), Is.EquivalentTo((string[])["config.toml", .. _logs]));
        foreach (string log in _logs) Assert.That(File.ReadAllText(Path.Combine(folder.Path, log)), Does.EndWith("\n"), log);

        string[] steps = File.ReadAllLines(Path.Combine(folder.Path, "steps.jsonl"));
        for (int step = 0; step < steps.Length; step++)
            Assert.That(JsonDocument.Parse(steps[step]).RootElement.GetProperty("step").GetInt32(), Is.EqualTo(step));
        string[] blames = File.ReadAllLines(Path.Combine(folder.Path, "blame.csv"));
        Assert.That((blames.Length - 1) % 3, Is.Zero, "a step's blames are all there or none of them");
        Assert.That(blames, Has.All.Matches<string>(line => line!.Split(',').Length == 9));
        Assert.That(steps, Has.Length.InRange(1, 499));
    }

    [Test]
    public void ARunThatFindsNoRoomAtTheStartIsToldSoAndLeavesNoFolder()
    {
        using SmallFolder disk = new(16);
        disk.FillBut(4096);
        TrainOptions options = New() with { Out = disk.Path };
        DetoxException error = Assert.Throws<DetoxException>(() => _ = new RunFolder(options, Describe, new Losses(_ => { })))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain("No space left"));
        Assert.That(Directory.Exists(Path.Combine(options.Out, options.Name!)), Is.False);
    }

    [Test]
    public void TheResultHasItsNameWhenItIsWhole()
    {
        using RunFolder folder = new(New(), Describe, new Losses(Assert.Fail));
        folder.Complete(Summary());
        Assert.That(JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.Path, Result))).RootElement.GetProperty("steps").GetInt32(), Is.Zero);
        Assert.That(Directory.EnumerateFiles(folder.Path, "*.part"), Is.Empty);
    }

    /// <summary>All start at once, and the folder above is missing too.</summary>
    [Test]
    public void OfManyThatWantOneFolderOneGetsIt()
    {
        const int Starters = 16;
        for (int round = 0; round < 50; round++)
        {
            TrainOptions options = New();
            RunFolder?[] folders = new RunFolder?[Starters];
            DetoxException?[] refusals = new DetoxException?[Starters];
            using Barrier start = new(Starters);
            Thread[] threads = [.. Enumerable.Range(0, Starters).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                try
                {
                    folders[i] = new RunFolder(options, Describe, new Losses(_ => { }));
                }
                catch (DetoxException refusal)
                {
                    refusals[i] = refusal;
                }
            }))];
            foreach (Thread thread in threads) thread.Start();
            foreach (Thread thread in threads) thread.Join();

            Assert.That(folders.Count(folder => folder is not null), Is.EqualTo(1));
            Assert.That(refusals.Count(refusal => refusal is { Code: ExitCode.Usage } && refusal.Message.Contains("exists already")), Is.EqualTo(Starters - 1));
            using RunFolder winner = folders.Single(folder => folder is not null)!;
            winner.Complete(Summary());
            Assert.That(Directory.EnumerateFiles(winner.Path).Count(), Is.EqualTo(6));
        }
    }

    [TestCase("run/")]
    [TestCase("a/b/run")]
    public void ANameMayHaveFoldersInIt(string name)
    {
        using RunFolder folder = new(New() with { Name = name }, Describe, new Losses(Assert.Fail));
        Assert.That(File.Exists(Path.Combine(folder.Path, "config.toml")), Is.True);
    }

    private static TrainOptions New() => _options with
    {
        Out = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N")),
        Name = Guid.NewGuid().ToString("N"),
    };

    private static RunSummary Summary() => new(_options) { Device = "none", Messaging = "none" };

    private static string Describe(int index) => $"w[{index}]";

    private static StepRecord Record(int step, int blames)
    {
        StepRecord record = new();
        record.Clear(step);
        record.Loss = 0.123456f;
        record.LearningRate = 0.01f;
        record.Voids.Add(1);
        for (int rank = 0; rank < blames; rank++) record.Blames.Add(new Blame(step, rank, 0, Fault.Dissent, 1, 4, 0.5f, -50));
        return record;
    }
}

using System.Text.RegularExpressions;
using Detox.Mpi;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Commands;
using Detox.Mpi.Pages;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;

namespace Detox.Tests.Pages;

/// <summary>The command report, and the files that it makes.</summary>
public sealed class ReportTests
{
    private static readonly byte[] _png = [0x89, (byte)'P', (byte)'N', (byte)'G'];

    [Test]
    public void ARunHasAllOfItsPictures()
        => Assert.That(Made(SampleSweep.Run).Charts.Select(chart => chart.Name), Is.EqualTo(["accuracy-by-step", "loss-by-step", "time-by-phase", "bytes-by-step", "variance-by-step", "blame"]));

    [Test]
    public void ASweepHasAllOfItsPictures()
        => Assert.That(Made(SampleSweep.Folder).Charts.Select(chart => chart.Name), Is.EqualTo(
            ["worst-attack", "worst-error-by-q", "accuracy-by-q-reverse", "accuracy-by-step-reverse", "accuracy-by-q-alie-z-1.5", "accuracy-by-step-alie-z-1.5", "time-by-phase", "bytes", "variance-by-samples"]));

    [Test]
    public void CaptionsSayHowManySeeds()
    {
        foreach (Chart chart in Made(SampleSweep.Folder).Charts) Assert.That(chart.Caption, Does.Match("n = [0-9]"), chart.Name);
        foreach (Chart chart in Made(SampleSweep.Run).Charts.SkipLast(1)) Assert.That(chart.Caption, Does.Contain("n = 1, seed 1"), chart.Name);
    }

    [Test]
    public void ThePageStandsAlone()
    {
        foreach (string folder in (string[])[SampleSweep.Run, SampleSweep.Folder])
        {
            string page = Made(folder).Html();
            Assert.That(page, Does.Not.Contain("<script").And.Not.Contain("http").And.Not.Contain("@import").And.Not.Contain("<img").And.Not.Contain("xlink"));
            Assert.That(Regex.Matches(page, "(?:src|href)=\"(?!data:,|#)"), Is.Empty);
            string[] names = [.. Regex.Matches(page, " id=\"([^\"]*)\"").Select(match => match.Groups[1].Value)];
            Assert.That(names, Is.Unique);
            Assert.That(Regex.Matches(page, "url\\(#([^)]*)\\)").Select(match => match.Groups[1].Value), Is.SubsetOf(names));
        }
    }

    [Test]
    public void EveryFaultHasItsPlaceAndItsParameter()
    {
        RunFacts run = RunReader.Read(SampleSweep.Run);
        string page = Report.Of(run).Html();
        foreach (BlameFacts blame in run.Blames.Where(blame => blame.Parameter.Length > 0))
            Assert.That(page, Does.Match($"<title>rank {blame.Blame.Rank} on [^,]*, step {blame.Blame.Step}: [^<]*{Regex.Escape(blame.Parameter)}: expected [^<]*</title>"));
    }

    /// <summary>A marker's width that is left in a file would be a pattern that is lost.</summary>
    [Test]
    public void LinesDifferInPatternInTheVectorPicturesToo()
    {
        string page = Made(SampleSweep.Folder).Html();
        Assert.That(page, Does.Contain("stroke-dasharray=\"8 5\"").And.Contain("stroke-dasharray=\"2 4\""));
        Assert.That(Regex.Matches(page, "stroke-width=\"1\\.(?!75\"|5\")").Count, Is.Zero);
    }

    [Test]
    public void TheCommandWritesEveryFileAndSaysWhereThePageLies()
    {
        string folder = TrainInProcess.Run(TrainInProcess.Small with { Byzantine = 2, Attack = "bit-flip" }).Folder;
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"report {folder}");
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((0, "")));
        Assert.That(outcome.Output, Does.Contain(Path.Combine(folder, "report", "index.html")).And.Contain("Faults by rank").And.Contain("ended after 4 steps"));
        string[] files = [.. Directory.EnumerateFiles(Path.Combine(folder, "report")).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
        string[] pictures = [.. Made(folder).Charts.Select(chart => chart.Name)];
        Assert.That(files, Is.EquivalentTo([Report.PageFile, Report.CsvFile, Report.MarkdownFile, .. pictures.SelectMany(name => (string[])[$"{name}.png", $"{name}.svg"])]));
        foreach (string name in pictures)
        {
            Assert.That(File.ReadAllBytes(Path.Combine(folder, "report", $"{name}.png")).Take(4), Is.EqualTo(_png));
            Assert.That(File.ReadAllText(Path.Combine(folder, "report", $"{name}.svg")), Does.Contain("<text").And.Contain("</svg>"));
            Assert.That(File.ReadAllText(Path.Combine(folder, "report", Report.MarkdownFile)), Does.Contain($"]({name}.png)"));
        }

        RunVerifier verifier = new(folder);
        verifier.Run();
        Assert.That(verifier.Problems, Is.Empty, "a report is no change of the run");
    }

    [Test]
    public void ASweepIsReportedWithWhatItLacks()
    {
        string to = Path.Combine(TestContext.CurrentContext.WorkDirectory, "reports", Guid.NewGuid().ToString("N"));
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"report {SampleSweep.Folder} --out {to}");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Errors, Is.EqualTo("detox: warning: 3 of 17 cells stand in no mean: 1 unfinished, 2 not there or broken.\n"));
        Assert.That(outcome.Output, Does.Contain("unfinished: 5 of 12 steps").And.Contain("The worst attack"));
        Assert.That(File.ReadAllText(Path.Combine(to, Report.PageFile)), Does.Contain("it has not begun"));
    }

    [Test]
    public void EachTableOfASweepHasFilesOfItsOwn()
    {
        string to = Path.Combine(TestContext.CurrentContext.WorkDirectory, "reports", Guid.NewGuid().ToString("N"));
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"report {SampleSweep.Folder} --out {to} --accuracy 0.2");
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Output, Does.Contain("What it takes to reach 20 %"));
        foreach (string name in (string[])["missing", "worst-by-q", "worst", "costs", "to-accuracy", "variance", "faults", "results"])
        {
            string[] csv = File.ReadAllLines(Path.Combine(to, $"{name}.csv")), markdown = File.ReadAllLines(Path.Combine(to, $"{name}.md"));
            Assert.That(markdown, Has.Length.EqualTo(csv.Length + 1).And.Length.GreaterThan(2), name);
        }
    }

    [TestCase("0")]
    [TestCase("1.5")]
    public void AnAccuracyIsAShare(string accuracy)
        => Refuses($"{SampleSweep.Folder} --accuracy {accuracy}", "expected a share above 0, and 1 at most", $"--accuracy {accuracy}");

    [Test]
    public void TheRunsOfAFolderAreComparedByTheirNames()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        foreach ((string name, int groupSize) in ((string, int)[])[("voted", 3), ("not voted", 1)])
            Assert.That(TrainCommand.ExecuteInProcess((TrainInProcess.Small with { GroupSize = groupSize, Byzantine = 2, Out = folder, Name = name }).Resolve(launchedRanks: null, cores: 1)), Is.EqualTo(ExitCode.Done));
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"report {folder}");
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((0, "")));
        string[] rows = File.ReadAllLines(Path.Combine(folder, "report", "results.csv"));
        Assert.That(rows.Skip(1).Select(row => row.Split(',')[0]), Is.EqualTo((string[])["not voted", "voted"]));
    }

    /// <summary>A machine without a font, by an empty folder over that of its fonts.</summary>
    [Test]
    public void WithoutAFontThePageIsThereAndSaysWhatItLacks()
    {
        string to = Path.Combine(TestContext.CurrentContext.WorkDirectory, "reports", Guid.NewGuid().ToString("N")), empty = Directory.CreateTempSubdirectory("detox-fonts-").FullName;
        string[] hidden = ["unshare", "--mount", "sh", "-c", "mkdir -p /usr/share/fonts && mount --bind \"$0\" /usr/share/fonts && exec \"$@\"", empty];
        if (MpiRunner.RunCommand([.. hidden, "true"], null, 20).ExitCode != 0) Assert.Ignore("Fonts cannot be hidden here: that takes root.");
        MpiOutcome outcome = MpiRunner.RunCommand([.. hidden, "dotnet", "exec", DetoxProgram.Path, "report", SampleSweep.Run, "--out", to], null, 60);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Errors, Does.StartWith("detox: warning: This machine has no font, so the pictures are left out;"));
        Assert.That(Directory.EnumerateFiles(to).Select(Path.GetFileName), Is.EquivalentTo([Report.PageFile, Report.CsvFile, Report.MarkdownFile]));
        Assert.That(File.ReadAllText(Path.Combine(to, Report.PageFile)), Does.Contain("has no font").And.Contain("Faults by rank").And.Not.Contain("<figure"));
        Directory.Delete(empty);
    }

    [Test]
    public void ATrainingLoadsNothingOfThePictures()
    {
        using RunningTraining training = DetoxProgram.Start(null, 3, "--model softmax --batch 8 --steps 100000 --byzantine 1 --checkpoint-every 0");
        training.AwaitSteps(20);
        string maps = File.ReadAllText($"/proc/{training.Place(0).Process}/maps");
        Assert.That(maps, Does.Contain("Detox.Gpu.dll").And.Not.Contain("ScottPlot").And.Not.Contain("Skia").And.Not.Contain("HarfBuzz"));
    }

    [Test]
    public void WhatIsNeitherRunNorSweepIsSaid()
    {
        string folder = Directory.CreateTempSubdirectory("detox-report-").FullName;
        Refuses(Path.Combine(folder, "x"), "expected the folder of a run or of a sweep, and there is no such folder");
        Refuses(folder, "expected a run's folder, with config.toml, or a sweep's, with sweep.json, found an empty folder");
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "");
        Refuses(folder, "found notes.txt; name the folder of one run");
        File.WriteAllText(Path.Combine(folder, "config.toml"), "ranks = 3\n");
        Refuses(folder, "steps.jsonl is missing; 'detox verify");
        Directory.Delete(folder, recursive: true);
    }

    [Test]
    public void TheFolderItselfTakesNoReport()
        => Refuses($"{SampleSweep.Run} --out {SampleSweep.Run}/", "expected another folder than the one that is reported on", $"--out {SampleSweep.Run}/");

    private static void Refuses(string folder, string said, string? about = null)
    {
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"report {folder}");
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Errors, Does.StartWith($"detox: {about ?? folder}: ").And.Contain(said));
        Assert.That(outcome.Errors.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1));
    }

    private static Report Made(string folder) => SweepReader.IsSweep(folder) ? Report.Of(SweepReader.Read(folder)) : Report.Of(RunReader.Read(folder));
}

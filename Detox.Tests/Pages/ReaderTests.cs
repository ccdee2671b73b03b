using System.Globalization;
using Detox.Mpi.Pages;
using Detox.Mpi.Training;
using Detox.Tests.Training;

namespace Detox.Tests.Pages;

/// <summary>What reports know is what the files say.</summary>
public sealed class ReaderTests
{
    [Test]
    public void ARunIsAsItsFilesSay()
    {
        RunFiles files = new(SampleSweep.Run);
        RunFacts run = RunReader.Read(SampleSweep.Run);
        Assert.Multiple(() =>
        {
            Assert.That(run.Accuracy, Is.EqualTo(files.Accuracy));
            Assert.That(run.End!.Weights, Is.EqualTo(files.Weights));
            Assert.That(run.State, Is.EqualTo("ended after 12 steps"));
            Assert.That(run.Method, Is.EqualTo("DETOX, r = 3: median"));
            Assert.That(run.Evaluations.Select(look => look.Step), Is.EqualTo([4L, 8L, 12L]));
            Assert.That(run.Hosts, Has.Count.EqualTo(9));
            Assert.That(run.Steps.Select(step => step.VectorBytes), Is.EqualTo(files.Steps.Select(step => step.GetProperty("vector_bytes").GetInt64())));
            Assert.That(run.Steps.Select(step => step.Variance), Is.EqualTo(files.Steps.Select(step => step.GetProperty("variance").GetDouble())));
            Assert.That(run.MeanSecondsOf(Phase.Vote), Is.EqualTo(files.Steps.Average(step => step.GetProperty("seconds").GetProperty("vote").GetDouble())).Within(1e-12));
            Assert.That(run.MeanSamples, Is.EqualTo(files.Steps.Average(step => 8.0 * step.GetProperty("roots").EnumerateArray().Count(root => root.GetString() is not null))));
            Assert.That(
                run.Blames.Select(blame => (blame.Blame.Step, blame.Blame.Rank, blame.Parameter)),
                Is.EqualTo(files.Blame.Select(blame => (long.Parse(blame[0], CultureInfo.InvariantCulture), int.Parse(blame[1], CultureInfo.InvariantCulture), blame[6]))));
            Assert.That(run.Blames, Is.Not.Empty);
            Assert.That(run.Blames, Has.Some.Matches<BlameFacts>(blame => blame!.Parameter.StartsWith("linear.", StringComparison.Ordinal)));
        });
    }

    [Test]
    public void ARunThatHasNotEndedSaysHowFarItIs()
    {
        string folder = TrainInProcess.Run(TrainInProcess.Small with { Steps = 6 }).Folder;
        SampleSweep.Stop(folder, steps: 3);
        RunFacts run = RunReader.Read(folder);
        Assert.That((run.End, run.State, run.Steps.Count), Is.EqualTo(((EndFacts?)null, "unfinished: 3 of 6 steps", 3)));
        Assert.That(Report.Of(run).Warnings, Has.Some.Contains("3 of 6 steps"));
    }

    [Test]
    public void ARunThatDivergedSaysSo()
    {
        string folder = TrainInProcess.Run(TrainInProcess.Small with { Steps = 40, GroupSize = 1, Byzantine = 3, Attack = "constant(value=1e38)", Across = "mean" }).Folder;
        RunFacts run = RunReader.Read(folder);
        Assert.That(run.IsDiverged);
        Assert.That(Report.Of(run).Warnings, Has.Some.Contains($"diverged in step {run.End!.DivergedAt}"));
        Assert.That(double.IsNaN(run.End.Loss));
    }

    [TestCase("steps.jsonl", "\"loss\":", "\"loss\": ", "line 1")]
    [TestCase("evaluations.csv", "4,", "four,", "evaluations.csv, line 2: expected step, seconds, accuracy and loss, found 'four,")]
    [TestCase("blame.csv", "dissent", "descent", "blame.csv, line 2")]
    [TestCase("result.json", "\"accuracy\"", "\"exactness\"", "result.json: expected a result")]
    [TestCase("config.toml", "ranks =", "rinks =", "there is no key 'rinks'")]
    public void AFileThatIsNotAsItWasIsNamed(string file, string from, string to, string said)
    {
        string folder = TrainInProcess.Run(TrainInProcess.Small with { Byzantine = 2, Attack = "bit-flip", EvaluateEvery = 4 }).Folder, path = Path.Combine(folder, file);
        File.WriteAllText(path, File.ReadAllText(path).Replace(from, to, StringComparison.Ordinal));
        Assert.That(() => RunReader.Read(folder), Throws.TypeOf<InvalidDataException>().With.Message.Contains(said));
    }

    [Test]
    public void ASweepAveragesSeedsAndLeavesNothingUnsaid()
    {
        SweepFacts sweep = SweepReader.Read(SampleSweep.Folder);
        Assert.That((sweep.Cells.Count, sweep.Ended.Count), Is.EqualTo((SampleSweep.Ended + 3, SampleSweep.Ended)));
        SweepPoint point = sweep.Points().Single(known => known is { Method: "median", Attack: "reverse", Byzantine: 2 });
        double[] seeds = [.. ((int[])[1, 2]).Select(seed => new RunFiles(Path.Combine(SampleSweep.Folder, $"r1-reverse-2-{seed}")).Accuracy)];
        Assert.That(point.Accuracy, Is.EqualTo(new Spread(2, seeds.Average(), seeds.Min(), seeds.Max())));
        Assert.That(point.Seeds, Is.EqualTo("1, 2"));
        Table missing = SweepTables.Missing(sweep);
        Assert.That(missing.Rows.Select(row => row[0]), Is.EqualTo(["r1-alie-2-1", "r1-alie-2-2", "r1-alie-4-1"]));
        Assert.That(missing.Rows[0][^1], Is.EqualTo("broken: r1-alie-2-1/steps.jsonl, line 1: the line or r1-alie-2-1/config.toml is not as it was written"));
        Assert.That(missing.Rows[1][^1], Is.EqualTo("unfinished: 5 of 12 steps"));
        Assert.That(missing.Rows[2][^1], Is.EqualTo("broken: it has not begun"));
        Assert.That(Report.Of(sweep).Warnings, Is.EqualTo(["3 of 17 cells stand in no mean: 1 unfinished, 2 not there or broken."]));
    }

    [Test]
    public void TheWorstAttackIsTheOneOfTheLeastMean()
    {
        SweepFacts sweep = SweepReader.Read(SampleSweep.Folder);
        (SweepPoint Point, int Attacks)[] worst = [.. sweep.Worst()];
        foreach ((SweepPoint point, _) in worst)
            Assert.That(point.Accuracy.Mean, Is.EqualTo(sweep.Points().Where(other => other.Method == point.Method && other.Byzantine == point.Byzantine).Min(other => other.Accuracy.Mean)));
        Assert.That(worst.Select(found => (found.Point.Method, found.Point.Byzantine, found.Attacks)), Is.EqualTo(
            [("DETOX with the median", 0, 0), ("DETOX with the median", 2, 2), ("median", 0, 0), ("median", 2, 1)]));
        Assert.That(worst.Where(found => found.Attacks == 0).Select(found => found.Point.Attack), Is.All.EqualTo("no attack"));
    }

    [TestCase("{", "expected a sweep as this program writes it")]
    [TestCase("{\"format\":2}", "expected format 1, found 2")]
    [TestCase("{\"format\":1,\"dimensions\":[]}", "expected a sweep as this program writes it")]
    public void ASweepFileThatIsNoneIsNamed(string json, string said)
    {
        string folder = Directory.CreateTempSubdirectory("detox-sweep-").FullName;
        File.WriteAllText(Path.Combine(folder, SweepReader.FileName), json);
        Assert.That(() => SweepReader.Read(folder), Throws.TypeOf<InvalidDataException>().With.Message.Contains(SweepReader.FileName).And.Message.Contains(said));
        Directory.Delete(folder, recursive: true);
    }
}

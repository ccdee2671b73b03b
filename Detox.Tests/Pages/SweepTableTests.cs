using System.Globalization;
using Detox.Mpi.Attacks;
using Detox.Mpi.Pages;
using NUnit.Framework;

namespace Detox.Tests.Pages;

/// <summary>The tables of a sweep are those of its runs' own numbers.</summary>
public sealed class SweepTableTests
{
    private static readonly Lazy<SweepFacts> _sweep = new(() => SweepReader.Read(SampleSweep.Folder));

    private static SweepFacts Sweep => _sweep.Value;

    [Test]
    public void EachMethodHasItsWorstAttackByCount()
    {
        Table table = SweepTables.WorstByCount(Sweep);
        Assert.That(table.Columns, Is.EqualTo((string[])["method", "q = 0", "q = 2"]));
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            SweepPoint worst = Sweep.Points().Where(point => point.Method == row[0] && point.Byzantine == 2).MinBy(point => point.Accuracy.Mean)!;
            Assert.That(row[2], Is.EqualTo($"{Numbers.Percent(worst.Accuracy.Mean)} {worst.Attack}"));
        }
    }

    [Test]
    public void TheWayToAnAccuracyEndsAtTheFirstLookThatHasIt()
    {
        CellFacts cell = Sweep.Ended.First(cell => cell.ByzantineCount == 2 && cell.SeedText == "1");
        RunFacts run = cell.Run!;
        double reached = run.Evaluations.Max(look => look.Accuracy);
        long step = run.Evaluations.First(look => look.Accuracy >= reached).Step;
        SweepFacts alone = Sweep with { Cells = [cell] };
        IReadOnlyList<string> row = SweepTables.ToAccuracy(alone, reached).Rows.Single();
        double seconds = run.Steps.Where(facts => facts.Step < step).Sum(facts => facts.Seconds.Sum() - facts.Seconds[(int)Mpi.Training.Phase.Attack]);
        Assert.That(row, Is.EqualTo((string[])
        [
            cell.Title, cell.AttackName, "2", "1", "1", Numbers.Short(step), Numbers.Short(step * run.Options.Ranks!.Value * run.Options.Batch), Numbers.Short(step * run.MeanSamples),
            Numbers.Short(step * run.MeanVectorBytes / 1e6), Numbers.Short(seconds),
        ]));
        Assert.That(SweepTables.ToAccuracy(alone, 1).Rows.Single().Skip(3), Is.EqualTo((string[])["0", "1", "-", "-", "-", "-", "-"]));
    }

    [Test]
    public void TheVarianceStandsBesideItsFormula()
    {
        Table table = SweepTables.Variance(Sweep);
        CellFacts[] cells = [.. Sweep.MeasuredHonestly];
        double ofOne = cells.Average(cell => cell.Run!.MeanVariance * cell.Run.MeanSamples);
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            double samples = double.Parse(row[1], CultureInfo.InvariantCulture), measured = cells.Where(cell => cell.Title == row[0]).Average(cell => cell.Run!.MeanVariance);
            Assert.That(row.TakeLast(2), Is.EqualTo((string[])[Numbers.Short(ofOne / samples), Numbers.Short(measured * samples / ofOne)]));
        }

        Assert.That(table.Rows, Has.Count.EqualTo(2));
    }

    [Test]
    public void WhatARunHasNamedFirstIsSaid()
    {
        SweepFacts sweep = new("there", "", [], [new CellFacts("run", "run", new Dictionary<string, string>(), RunReader.Read(SampleSweep.Run), null)]);
        IReadOnlyList<string> row = SweepTables.Faults(sweep).Rows.Single();
        BlameFacts first = sweep.Cells[0].Run!.Blames[0];
        Assert.That(row[^1], Is.EqualTo(first.Text).And.StartsWith($"rank {first.Blame.Rank}, step {first.Blame.Step}: dissent; {first.Parameter}: expected "));
        Assert.That(row[4], Is.EqualTo($"{sweep.Cells[0].Run!.Blames.Count}"));
    }

    /// <summary>A sweep that computes q = 0 once has it in the picture of each attack.</summary>
    [Test]
    public void AnAttacksPointsBeginWithThoseOfNone()
    {
        SweepFacts once = Sweep with { Cells = [.. Sweep.Cells.Where(cell => cell.ByzantineCount != 0 || cell.AttackName == SampleSweep.Attacks[0]).Select(WithNone)] };
        Assert.That(once.Attacks, Is.EqualTo(SampleSweep.Attacks));
        foreach (string attack in SampleSweep.Attacks)
            Assert.That(once.PointsOf(attack).Where(point => point.Method == Sweep.Methods[0]).Select(point => point.Byzantine), Is.EquivalentTo((int[])[0, 2]), attack);

        static CellFacts WithNone(CellFacts cell)
            => cell.ByzantineCount == 0 ? cell with { Values = new Dictionary<string, string>(cell.Values) { [CellFacts.Attack] = NoAttack.OwnName } } : cell;
    }
}

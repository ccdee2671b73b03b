namespace Detox.Mpi.Pages;

/// <summary>The tables of a sweep.</summary>
internal static class SweepTables
{
    /// <summary>A line for each method, attack and q.</summary>
    public static Table Results(SweepFacts sweep)
        => new($"Results of {sweep.Name}", ["method", "attack", "q", "accuracy", "least", "most", "n", "diverged"], [.. sweep.Points().Select(point => (IReadOnlyList<string>)
            [point.Method, point.Attack, $"{point.Byzantine}", .. Accuracy(point), $"{point.Diverged}"])])
        { Name = "results" };

    public static Table Worst(SweepFacts sweep)
        => new("The worst attack", ["method", "q", "attack", "of", "accuracy", "least", "most", "n"], [.. sweep.Worst().Select(worst => (IReadOnlyList<string>)
            [worst.Point.Method, $"{worst.Point.Byzantine}", worst.Point.Attack, worst.Attacks == 0 ? "-" : $"{worst.Attacks}", .. Accuracy(worst.Point)])])
        { Name = "worst" };

    /// <summary>The same with a column for each q; without lines where there is but one.</summary>
    public static Table WorstByCount(SweepFacts sweep)
    {
        SweepPoint[] worst = [.. sweep.Worst().Select(found => found.Point)];
        int[] counts = [.. worst.Select(point => point.Byzantine).Distinct().Order()];
        return new Table("Accuracy under the worst attack", ["method", .. counts.Select(count => $"q = {count}")], counts.Length < 2 ? [] : [.. sweep.Methods.Select(Row)]) { Name = "worst-by-q" };

        IReadOnlyList<string> Row(string method) => [method, .. counts.Select(count => Array.Find(worst, point => point.Method == method && point.Byzantine == count) is { } point ? Cell(point) : "-")];

        static string Cell(SweepPoint point) => point.Byzantine == 0 ? Numbers.Percent(point.Accuracy.Mean) : $"{Numbers.Percent(point.Accuracy.Mean)} {point.Attack}";
    }

    /// <summary>Cells that stand in no mean, and why.</summary>
    public static Table Missing(SweepFacts sweep)
        => new("Cells that are left out", ["folder", "method", "attack", "q", "seed", "state"], [.. sweep.Cells.Where(cell => !cell.HasEnded).Select(cell => (IReadOnlyList<string>)
            [cell.Folder, cell.Title, cell.AttackName, $"{cell.ByzantineCount}", cell.SeedText, cell.State])])
        { Name = "missing" };

    /// <summary>A gradient is that of one sample; ranks of a group compute the same ones. The memory of a rank is known where ranks are processes.</summary>
    public static Table Costs(SweepFacts sweep)
        => new("What a step costs", ["method", "gradients", "distinct samples", "MB of vectors", "ms", "MB of a rank", "variance without an attack", "runs"], [.. sweep.Ended.GroupBy(cell => cell.Title).Select(method => (IReadOnlyList<string>)
            [
                method.Key, Numbers.Whole(method.Average(cell => cell.Run!.Gradients)), Numbers.Whole(method.Average(cell => cell.Run!.MeanSamples)), Numbers.Short(method.Average(cell => cell.Run!.MeanVectorBytes) / 1e6),
                Numbers.Short(1e3 * method.Average(cell => cell.Run!.End!.MedianStepSeconds)), Numbers.Short(Spread.Of(method.Where(cell => !cell.Run!.End!.IsOneProcess).Select(cell => cell.Run!.End!.PeakBytes / 1e6)).Most),
                Numbers.Short(Spread.Of(sweep.MeasuredHonestly.Where(cell => cell.Title == method.Key).Select(cell => cell.Run!.MeanVariance)).Mean), $"{method.Count()}",
            ])])
        { Name = "costs" };

    /// <summary>What it takes until the test set is first seen to be classified so well: the means of the runs that come so far.</summary>
    public static Table ToAccuracy(SweepFacts sweep, double accuracy)
    {
        return new Table($"What it takes to reach {Numbers.ShortPercent(accuracy)}", ["method", "attack", "q", "runs that reach it", "of", "steps", "gradients", "distinct samples", "MB of vectors", "s"], [.. sweep.Points().Select(Row)]) { Name = "to-accuracy" };

        IReadOnlyList<string> Row(SweepPoint point)
        {
            (RunFacts Run, long Step)[] there = [.. point.Cells.Select(cell => (cell.Run!, cell.Run!.FirstStepAt(accuracy))).Where(found => found.Item2 is not null).Select(found => (found.Item1, found.Item2!.Value))];
            string Mean(Func<RunFacts, long, double> of) => there.Length == 0 ? "-" : Numbers.Short(there.Average(found => of(found.Run, found.Step)));
            return
            [
                point.Method, point.Attack, $"{point.Byzantine}", $"{there.Length}", $"{point.Cells.Count}",
                Mean((_, step) => step), Mean((run, step) => step * run.Gradients), Mean((run, step) => step * run.MeanSamples), Mean((run, step) => step * run.MeanVectorBytes / 1e6), Mean((run, step) => run.MethodSeconds(step)),
            ];
        }
    }

    /// <summary>The measured variance beside sigma^2 / samples, where sigma^2 is that of one sample's gradient by all runs together.</summary>
    public static Table Variance(SweepFacts sweep)
    {
        CellFacts[] measured = [.. sweep.MeasuredHonestly];
        double ofOne = measured.Select(cell => cell.Run!.MeanVariance * cell.Run.MeanSamples).DefaultIfEmpty(double.NaN).Average();
        return new Table("Variance of the mean gradient", ["method", "samples", "variance", "least", "most", "n", "variance times samples", "by the formula", "measured / formula"], [.. measured.GroupBy(cell => (cell.Title, Samples: Math.Round(cell.Run!.MeanSamples))).Select(group =>
        {
            Spread variance = Spread.Of(group.Select(cell => cell.Run!.MeanVariance));
            double formula = ofOne / group.Key.Samples;
            return (IReadOnlyList<string>)
            [
                group.Key.Title, Numbers.Whole(group.Key.Samples), Numbers.Short(variance.Mean), Numbers.Short(variance.Least), Numbers.Short(variance.Most), $"{variance.Count}",
                Numbers.Short(variance.Mean * group.Key.Samples), Numbers.Short(formula), Numbers.Short(variance.Mean / formula),
            ];
        })])
        { Name = "variance" };
    }

    /// <summary>Of each method under each attack what the first run has named.</summary>
    public static Table Faults(SweepFacts sweep)
        => new("What the first seed's run has named", ["method", "attack", "q", "accuracy", "faults", "ranks", "the first"], [.. sweep.Points().Where(point => point.Byzantine > 0).Select(point => (point, Run: point.Cells[0].Run!)).Select(found => (IReadOnlyList<string>)
            [
                found.point.Method, found.point.Attack, $"{found.point.Byzantine}", found.Run.IsDiverged ? $"{Numbers.Percent(found.Run.End!.Accuracy)}, {found.Run.State}" : Numbers.Percent(found.Run.End!.Accuracy),
                Numbers.Whole(found.Run.Blames.Count), $"{found.Run.Blames.Select(blame => blame.Blame.Rank).Distinct().Count()}", found.Run.Blames.Count == 0 ? "-" : found.Run.Blames[0].Text,
            ])])
        { Name = "faults" };

    /// <summary>A line for each cell, as numbers for other programs.</summary>
    public static Table Raw(SweepFacts sweep)
    {
        string[] more = [.. sweep.Dimensions.Where(dimension => !RunTables.RawColumns.Contains(dimension))];
        return new Table("", [.. RunTables.RawColumns, .. more], [.. sweep.Cells.Select(Row)]);

        IReadOnlyList<string> Row(CellFacts cell)
        {
            IReadOnlyList<string> known = cell.Run is { } run ? RunTables.RawRow(run, cell.Method, cell.Folder) : Known(cell);
            return [.. known, .. more.Select(dimension => cell.Values.GetValueOrDefault(dimension, ""))];
        }

        IReadOnlyList<string> Known(CellFacts cell)
        {
            string[] first = [cell.Method, cell.AttackName, $"{cell.ByzantineCount}", cell.SeedText, cell.Folder, cell.State];
            return [.. first, .. Enumerable.Repeat("", RunTables.RawColumns.Count - first.Length)];
        }
    }

    private static string[] Accuracy(SweepPoint point)
        => [Numbers.Percent(point.Accuracy.Mean), Numbers.Percent(point.Accuracy.Least), Numbers.Percent(point.Accuracy.Most), $"{point.Cells.Count}"];
}

namespace Detox.Mpi.Pages;

/// <summary>The tables of a sweep.</summary>
internal static class SweepTables
{
    /// <summary>A line for each method, attack and q.</summary>
    public static Table Results(SweepFacts sweep)
        => new($"Results of {sweep.Name}", ["method", "attack", "q", "accuracy", "least", "most", "n", "diverged"], [.. sweep.Points().Select(point => (IReadOnlyList<string>)
            [
                point.Method, point.Attack, $"{point.Byzantine}", Numbers.Percent(point.Accuracy.Mean), Numbers.Percent(point.Accuracy.Least), Numbers.Percent(point.Accuracy.Most),
                $"{point.Cells.Count}", $"{point.Diverged}",
            ])]);

    public static Table Worst(SweepFacts sweep)
        => new("The worst attack", ["method", "q", "attack", "of", "accuracy"], [.. sweep.Worst().Select(worst => (IReadOnlyList<string>)
            [worst.Point.Method, $"{worst.Point.Byzantine}", worst.Point.Attack, worst.Attacks == 0 ? "-" : $"{worst.Attacks}", Numbers.Percent(worst.Point.Accuracy.Mean)])]);

    /// <summary>Cells that stand in no mean, and why.</summary>
    public static Table Missing(SweepFacts sweep)
        => new("Cells that are left out", ["folder", "method", "attack", "q", "seed", "state"], [.. sweep.Cells.Where(cell => !cell.HasEnded).Select(cell => (IReadOnlyList<string>)
            [cell.Folder, cell.Title, cell.AttackName, $"{cell.ByzantineCount}", cell.SeedText, cell.State])]);

    public static Table Costs(SweepFacts sweep)
        => new("What a step costs", ["method", "ms", "MB of vectors", "samples", "variance without an attack", "runs"], [.. sweep.Ended.GroupBy(cell => cell.Title).Select(method => (IReadOnlyList<string>)
            [
                method.Key, Numbers.Short(1e3 * method.Average(cell => cell.Run!.End!.MedianStepSeconds)), Numbers.Short(method.Average(cell => cell.Run!.MeanVectorBytes) / 1e6),
                Numbers.Whole(method.Average(cell => cell.Run!.MeanSamples)), Numbers.Short(Spread.Of(sweep.MeasuredHonestly.Where(cell => cell.Title == method.Key).Select(cell => cell.Run!.MeanVariance)).Mean), $"{method.Count()}",
            ])]);

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
}

using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Pages;

/// <summary>The pictures of a sweep; of cells that have ended alone.</summary>
internal static class SweepCharts
{
    public static IReadOnlyList<Chart> Draw(SweepFacts sweep)
    {
        IReadOnlyList<SweepPoint> points = sweep.Points();
        if (points.Count == 0) return [];
        List<Chart> charts = [];
        bool hasCounts = points.Select(point => point.Byzantine).Distinct().Count() > 1;
        if (hasCounts || points.Select(point => point.Method).Distinct().Count() > 1) charts.Add(Worst(sweep, points));
        if (hasCounts && sweep.Attacks.Count > 1) charts.Add(WorstErrors(sweep));
        foreach (string attack in sweep.Attacks)
        {
            IReadOnlyList<SweepPoint> those = sweep.PointsOf(attack);
            if (those.Count == 0) continue;
            if (those.Select(point => point.Byzantine).Distinct().Count() > 1) charts.Add(ByCount(sweep, attack, those));
            charts.Add(BySteps(sweep, attack, those));
        }

        charts.Add(Time(sweep));
        charts.Add(Bytes(sweep));
        if (Variance(sweep) is { } variance) charts.Add(variance);
        return charts;
    }

    private static Chart Worst(SweepFacts sweep, IReadOnlyList<SweepPoint> points)
    {
        const int nameWidth = 200, cellWidth = 100, border = 100, cellHeight = 46;
        int[] counts = [.. points.Select(point => point.Byzantine).Distinct().Order()];
        string[] methods = [.. sweep.Methods.Where(method => points.Any(point => point.Method == method))];
        Dictionary<(string, int), (SweepPoint Point, int Attacks)> worst = sweep.Worst().ToDictionary(found => (found.Point.Method, found.Point.Byzantine));
        Chart chart = new("worst-attack", "Accuracy under the worst attack", $"In each cell the attack with the least mean accuracy, of {sweep.Attacks.Count:N0}; the lighter the better. {sweep.SeedsText()}.")
        {
            Width = Math.Max(Chart.UsualWidth, nameWidth + (cellWidth * counts.Length)),
            Height = border + (cellHeight * methods.Length),
        };
        Charts.Heat(chart, "Byzantine ranks q", methods, [.. counts.Select(count => $"{count}")], [.. methods.Select(method => counts.Select(count => Cell(method, count)).ToArray())]);
        return chart;

        (double, string, string)? Cell(string method, int count)
        {
            if (!worst.TryGetValue((method, count), out (SweepPoint Point, int Attacks) found)) return null;
            SweepPoint point = found.Point;
            string of = found.Attacks == 0 ? "" : $" (the worst of {found.Attacks})";
            return (point.Accuracy.Mean, $"{Numbers.Percent(point.Accuracy.Mean)}\n{Short(point.Attack)}", $"{method}, q = {count}, {point.Attack}{of}: {point.Accuracy.Text(Numbers.Percent)}, n = {point.Cells.Count}");
        }
    }

    /// <summary>What lies near 100 % is told apart by the errors, on a logarithmic axis.</summary>
    private static Chart WorstErrors(SweepFacts sweep)
    {
        SweepPoint[] worst = [.. sweep.Worst().Select(found => found.Point)];
        Chart chart = new("worst-error-by-q", "Errors under the worst attack", $"Share of the test set that is classified wrong, on a logarithmic axis, under the attack with the least mean accuracy of {sweep.Attacks.Count:N0}; line: the mean, band: the least to the most seed. {sweep.SeedsText()}.") { Width = 640, Height = 460 };
        Charts.Logarithmic(chart, "Byzantine ranks q", [.. sweep.Methods.Select((method, look) => new Series(method, look, [.. worst.Where(point => point.Method == method).Select(point => ((double)point.Byzantine, point.Errors))])).Where(line => line.Points.Count > 0)], Numbers.Percent, Numbers.ShortPercent);
        SetTicks(chart, worst);
        return chart;
    }

    private static Chart ByCount(SweepFacts sweep, string attack, IReadOnlyList<SweepPoint> points)
    {
        Chart chart = new($"accuracy-by-q-{FileName(attack)}", $"Accuracy against q: {attack}", $"Accuracy at the end; line: the mean, band: the least to the most seed. {sweep.SeedsText()}.");
        Charts.Lines(chart, "q", "", [.. sweep.Methods.Select((method, look) => new Series(method, look, [.. points.Where(point => point.Method == method).Select(point => ((double)point.Byzantine, point.Accuracy))])).Where(line => line.Points.Count > 0)], Numbers.Percent, Numbers.ShortPercent);
        chart.Plot.Axes.Bottom.Label.Text = "Byzantine ranks q";
        SetTicks(chart, points);
        return chart;
    }

    private static void SetTicks(Chart chart, IEnumerable<SweepPoint> points)
    {
        double[] counts = [.. points.Select(point => (double)point.Byzantine).Distinct()];
        chart.Plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(counts, [.. counts.Select(Numbers.Whole)]);
    }

    private static Chart BySteps(SweepFacts sweep, string attack, IReadOnlyList<SweepPoint> points)
    {
        int q = points.Max(point => point.Byzantine);
        SweepPoint[] those = [.. points.Where(point => point.Byzantine == q)];
        string diverged = those.Any(point => point.Diverged > 0) ? " A run that diverged stays where it ended." : "";
        Chart chart = new($"accuracy-by-step-{FileName(attack)}", $"Accuracy over steps: {attack}, q = {q}", $"q = {q}, the largest; line: the mean, band: the least to the most seed.{diverged} {sweep.SeedsText()}.");
        Charts.Lines(chart, "steps", "", [.. those.Select(point => new Series(point.Method, sweep.Methods.ToList().IndexOf(point.Method), Curve(point)))], Numbers.Percent, Numbers.ShortPercent);
        return chart;
    }

    private static (double X, Spread Y)[] Curve(SweepPoint point)
    {
        long[] steps = [.. point.Cells.SelectMany(cell => cell.Run!.Evaluations).Select(look => look.Step).Distinct().Order()];
        return [.. steps.Select(step => ((double)step, Spread.Of(point.Cells.Select(cell => At(cell.Run!, step)))))];

        // Where the runs that are left are averaged alone, the mean rises when one diverges.
        static double At(RunFacts run, long step)
            => run.Evaluations.FirstOrDefault(look => look.Step == step)?.Accuracy ?? (run.IsDiverged && step > run.Steps.Count ? run.End!.Accuracy : double.NaN);
    }

    private static Chart Time(SweepFacts sweep)
    {
        IGrouping<string, CellFacts>[] methods = [.. sweep.Ended.GroupBy(cell => cell.Title)];
        Phase[] phases = [.. Enum.GetValues<Phase>().Where(phase => phase != Phase.Attack)];
        Chart chart = new("time-by-phase", "Time of a step by phase", $"Milliseconds, the mean over steps and over {sweep.Ended.Count:N0} runs, without what the attacks compute. {sweep.SeedsText()}.") { Height = Tall(methods.Length) };
        Charts.Stacks(
            chart, "ms", [.. methods.Select(method => method.Key)],
            [.. phases.Select(phase => (RunSummary.Name(phase), (IReadOnlyList<double>)[.. methods.Select(method => 1e3 * method.Average(cell => cell.Run!.MeanSecondsOf(phase)))]))],
            value => $"{Numbers.Short(value)} ms");
        return chart;
    }

    private static Chart Bytes(SweepFacts sweep)
    {
        IGrouping<string, CellFacts>[] methods = [.. sweep.Ended.GroupBy(cell => cell.Title)];
        Chart chart = new("bytes", "MB of vectors into rank 0, a step", $"The mean over steps and over {sweep.Ended.Count:N0} runs. {sweep.SeedsText()}.") { Height = Tall(methods.Length) };
        Charts.Stacks(chart, "MB", [.. methods.Select(method => method.Key)], [("vectors", [.. methods.Select(method => method.Average(cell => cell.Run!.MeanVectorBytes) / 1e6)])], value => $"{Numbers.Short(value)} MB");
        return chart;
    }

    /// <summary>Honest runs where there are any, as wrong vectors that win add to what is measured; null where no run has measured it.</summary>
    private static Chart? Variance(SweepFacts sweep)
    {
        CellFacts[] measured = [.. sweep.Ended.Where(cell => cell.Run!.HasVariance)], honest = [.. sweep.MeasuredHonestly];
        if (measured.Length == 0) return null;
        CellFacts[] cells = honest.Length > 0 ? honest : measured;
        string of = honest.Length > 0 ? "Runs without an attack" : "Runs under attack: captured groups add to it";
        Chart chart = new("variance-by-samples", "Variance of the mean gradient", $"Of the mean of the winners' gradients, summed over the parameters, the mean over the steps of each run's own training. {of}; n = {cells.Length} runs; bars: the least to the most run.");
        Charts.Inverse(chart, "samples of a step", "", "as 1 / samples", [.. cells.GroupBy(cell => cell.Title).Select(method => new Series(
            method.Key,
            sweep.Methods.ToList().IndexOf(method.Key),
            [.. method.GroupBy(cell => Math.Round(cell.Run!.MeanSamples)).OrderBy(group => group.Key).Select(group => (group.Key, Spread.Of(group.Select(cell => cell.Run!.MeanVariance))))]))]);
        return chart;
    }

    private static int Tall(int methods)
    {
        const int border = 170, row = 34;
        return Math.Max(Chart.UsualHeight, border + (row * methods));
    }

    /// <summary>As much of an attack as a cell has room for; the cell's text has all of it.</summary>
    private static string Short(string attack)
    {
        const int room = 14;
        return attack.Length <= room ? attack : attack.Split('(')[0] is { Length: <= room } name ? $"{name}(…" : attack[..room];
    }

    private static string FileName(string text) => string.Concat(text.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' ? letter : '-')).Trim('-');
}

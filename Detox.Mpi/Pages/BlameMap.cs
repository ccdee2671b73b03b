using System.Globalization;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Detox.Mpi.Pages;

/// <summary>Who was wrong, and when: rank by step, each fault in a colour and a shape of its own.</summary>
internal static class BlameMap
{
    private const int MostColumns = 100, MostRows = 96, Width = 900;

    /// <summary>Long runs and many ranks share places: a place shows its most frequent fault, and its text says all.</summary>
    public static Chart Draw(RunFacts run)
    {
        const int border = 150, rowHeight = 14, leastRowHeight = 8, most = 760;
        int ranks = run.Options.Ranks!.Value, steps = Math.Max(1, run.Steps.Count);
        int perRow = Share(ranks, MostRows), perColumn = Share(steps, MostColumns), rows = Share(ranks, perRow);
        string shared = (perColumn, perRow) switch
        {
            (1, 1) => "",
            (_, 1) => $"; {perColumn:N0} steps share a place",
            (1, _) => $"; {perRow:N0} ranks share a place",
            _ => $"; {perRow:N0} ranks and {perColumn:N0} steps share a place",
        };
        Chart chart = new("blame", "Who was wrong, and when", $"{run.Blames.Count:N0} faults of {run.Blames.Select(blame => blame.Blame.Rank).Distinct().Count():N0} of {ranks:N0} ranks in {run.Steps.Count:N0} steps; rank by step, coloured by fault{shared}. The parameter is in each place's text.")
        {
            Width = Width,
            Height = Math.Min(most, border + (rows * (rows > 24 ? leastRowHeight : rowHeight))),
        };
        Draw(chart, run, perRow, perColumn);
        Plot plot = chart.Plot;
        plot.Axes.SetLimits(-0.5, (double)steps + 0.5, -ranks + 0.5, 0.5);
        plot.Axes.Left.TickGenerator = Ranks(ranks);
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { IntegerTicksOnly = true, LabelFormatter = Numbers.Whole };
        Charts.Labels(plot, "step", "rank");
        if (run.Blames.Count > 0) chart.ShowLegend();
        return chart;
    }

    private static void Draw(Chart chart, RunFacts run, int perRow, int perColumn)
    {
        var places = run.Blames.GroupBy(blame => (Row: blame.Blame.Rank / perRow, Column: blame.Blame.Step / perColumn))
            .Select(place => (place.Key, Faults: place.ToArray(), Fault: place.GroupBy(blame => blame.Blame.Fault).MaxBy(fault => fault.Count())!.Key));
        foreach (var ofFault in places.GroupBy(place => place.Fault).OrderBy(group => group.Key))
        {
            int look = (int)ofFault.Key;
            List<Coordinates> points = [];
            foreach ((var key, BlameFacts[] faults, _) in ofFault)
            {
                double x = (key.Column * perColumn) + ((perColumn - 1) / 2.0), y = -((key.Row * perRow) + ((perRow - 1) / 2.0));
                points.Add(new Coordinates(x, y));
                chart.Hovers.Add(new Hover(x, x, y, y, Text(run, faults), 4));
            }

            ScottPlot.Plottables.Scatter drawn = chart.Plot.Add.ScatterPoints(points, look < ChartStyle.Colours.Count ? ChartStyle.ColourOf(look) : Color.FromHex(ChartStyle.Ink));
            (drawn.MarkerShape, drawn.MarkerSize, drawn.LegendText) = (ChartStyle.MarkerOf(look), ChartStyle.MarkerSize, RunFolder.Text(ofFault.Key));
        }
    }

    /// <summary>"rank 3 on node7, step 17: dissent; linear.weight[0,0]: expected 0.1, found -10", or what several add up to.</summary>
    private static string Text(RunFacts run, BlameFacts[] faults)
    {
        Blame first = faults[0].Blame;
        string[] ranks = [.. faults.Select(fault => fault.Blame.Rank).Distinct().Order().Select(rank => run.Hosts.ElementAtOrDefault(rank) is { Length: > 0 } host ? $"rank {rank} on {host}" : $"rank {rank}")];
        string kinds = string.Join(", ", faults.GroupBy(fault => fault.Blame.Fault).Select(kind => $"{RunFolder.Text(kind.Key)}{(kind.Count() > 1 ? $" ({kind.Count()} times)" : "")}"));
        long least = faults.Min(fault => fault.Blame.Step), most = faults.Max(fault => fault.Blame.Step);
        string steps = least == most ? $"step {least}" : $"steps {least} to {most}";
        string place = faults[0].Parameter.Length == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; {(faults.Length > 1 ? $"first, in step {first.Step}: " : "")}{faults[0].Parameter}: expected {first.Expected:R}, found {first.Found:R}");
        return $"{string.Join(", ", ranks)}, {steps}: {kinds}{place}";
    }

    private static NumericManual Ranks(int ranks)
    {
        NumericManual ticks = new();
        int every = ranks <= 24 ? 1 : Share(ranks, 12);
        for (int rank = 0; rank < ranks; rank += every) ticks.AddMajor(-rank, Numbers.Whole(rank));
        return ticks;
    }

    private static int Share(int all, int parts) => (all + parts - 1) / parts;
}

using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Detox.Mpi.Pages;

/// <summary>A line of a chart.</summary>
/// <param name="Look">Which of the looks of <see cref="ChartStyle"/>.</param>
internal sealed record Series(string Name, int Look, IReadOnlyList<(double X, Spread Y)> Points);

/// <summary>The kinds of charts.</summary>
internal static class Charts
{
    private const int MostMarkers = 40, NameWidth = 24;
    private const float SpreadWidth = 1.5f;

    /// <summary>Lines of means in bands from the least to the most; a single point has a bar.</summary>
    public static void Lines(Chart chart, string xName, string yName, IReadOnlyList<Series> series, Func<double, string> yText, Func<double, string>? tickText = null)
    {
        Plot plot = chart.Plot;
        foreach (Series line in series)
        {
            LineLook look = ChartStyle.Look(line.Look);
            (double X, Spread Y)[] points = [.. line.Points.Where(point => point.Y.Count > 0)];
            if (points.Length == 0) continue;
            double[] x = [.. points.Select(point => point.X)];
            if (points.Any(point => point.Y.Least < point.Y.Most)) Band(plot, x, points, look);
            ScottPlot.Plottables.Scatter drawn = plot.Add.Scatter(x, [.. points.Select(point => point.Y.Mean)], look.Color);
            (drawn.LineWidth, drawn.MarkerShape) = (ChartStyle.LineWidth, look.Marker);
            if (series.Count > 1) chart.SetPattern(drawn.LineStyle, look.Pattern);
            drawn.MarkerSize = points.Length > MostMarkers ? 0 : ChartStyle.MarkerSize;
            drawn.LegendText = line.Name;
            const float margin = 6;
            foreach ((double at, Spread y) in points)
                chart.Hovers.Add(new Hover(at, at, y.Mean, y.Mean, $"{line.Name}, {xName} {at.ToString("N0", CultureInfo.InvariantCulture)}: {y.Text(yText)}{(y.Count > 1 ? $", n = {y.Count}" : "")}", margin));
        }

        Labels(plot, xName, yName);
        plot.Axes.Left.TickGenerator = new NumericAutomatic { LabelFormatter = tickText ?? yText };
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { IntegerTicksOnly = true, LabelFormatter = Numbers.Whole };
        if (series.Count > 1) chart.ShowLegend();
    }

    /// <summary>Lines as <see cref="Lines"/> draws them, of positive numbers on a logarithmic axis.</summary>
    public static void Logarithmic(Chart chart, string xName, IReadOnlyList<Series> series, Func<double, string> yText, Func<double, string> tickText)
    {
        Series[] drawn = [.. series.Select(line => line with { Points = [.. line.Points.Select(point => (point.X, point.Y.Log10()))] })];
        Lines(chart, xName, "", drawn, exponent => yText(Math.Pow(10, exponent)), tickText);
        (double X, Spread Y)[] points = [.. drawn.SelectMany(line => line.Points)];
        double low = points.Min(point => point.Y.Least), high = points.Max(point => point.Y.Most);
        const double margin = 0.05;
        chart.Plot.Axes.SetLimitsY(low - margin, high + margin);
        chart.Plot.Axes.Left.TickGenerator = Decades(low - margin, high + margin, tickText);
    }

    /// <summary>A row of parts, one beside the other, for each name; from the top down.</summary>
    public static void Stacks(Chart chart, string xName, IReadOnlyList<string> names, IReadOnlyList<(string Part, IReadOnlyList<double> Values)> parts, Func<double, string> text)
    {
        double[] ends = new double[names.Count];
        for (int part = 0; part < parts.Count; part++)
        {
            List<Bar> bars = [];
            for (int row = 0; row < names.Count; row++)
            {
                double value = parts[part].Values[row];
                if (!(value > 0)) continue;
                bars.Add(new Bar { Position = -row, ValueBase = ends[row], Value = ends[row] + value, FillColor = ChartStyle.ColourOf(part), Orientation = Orientation.Horizontal, Size = 0.7, LineWidth = 0 });
                chart.Hovers.Add(new Hover(ends[row], ends[row] + value, -row - 0.35, -row + 0.35, $"{names[row]}, {parts[part].Part}: {text(value)}"));
                ends[row] += value;
            }

            if (bars.Count == 0) continue;
            ScottPlot.Plottables.BarPlot drawn = chart.Plot.Add.Bars(bars);
            drawn.LegendText = parts[part].Part;
        }

        Rows(chart.Plot, names);
        Labels(chart.Plot, xName, "");
        const double margin = 1.03;
        chart.Plot.Axes.SetLimitsX(0, Math.Max(ends.DefaultIfEmpty().Max(), double.Epsilon) * margin);
        chart.Plot.Axes.Bottom.TickGenerator = new NumericAutomatic { LabelFormatter = Numbers.Short };
        if (parts.Count > 1) chart.ShowLegend();
    }

    /// <summary>A cell for each row and column, coloured by its value, with its text in it.</summary>
    /// <param name="cells">By row, then column; null where there is nothing.</param>
    public static void Heat(Chart chart, string xName, IReadOnlyList<string> rows, IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<(double Value, string Text, string Hover)?>> cells)
    {
        Plot plot = chart.Plot;
        double[] values = [.. cells.SelectMany(row => row).Where(cell => cell is not null).Select(cell => cell!.Value.Value)];
        double least = values.DefaultIfEmpty().Min(), range = Math.Max(values.DefaultIfEmpty().Max() - least, 1e-9);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int column = 0; column < columns.Count; column++)
            {
                if (cells[row][column] is not { } cell) continue;
                const double half = 0.48, dark = 0.55;
                double share = (cell.Value - least) / range;
                ScottPlot.Plottables.Rectangle box = plot.Add.Rectangle(column - half, column + half, -row - half, -row + half);
                (box.FillColor, box.LineWidth) = (ChartStyle.Scale(share), 0);
                ScottPlot.Plottables.Text text = plot.Add.Text(cell.Text, column, -row);
                (text.LabelAlignment, text.LabelFontSize, text.LabelFontColor) = (Alignment.MiddleCenter, ChartStyle.TextSize - 1, share < dark ? Colors.White : Colors.Black);
                if (ChartStyle.Font is { } font) text.LabelFontName = font;
                chart.Hovers.Add(new Hover(column - half, column + half, -row - half, -row + half, cell.Hover));
            }
        }

        Rows(plot, rows);
        plot.Axes.SetLimitsX(-0.5, columns.Count - 0.5);
        plot.Axes.Bottom.TickGenerator = new NumericManual([.. columns.Select((_, i) => (double)i)], [.. columns]);
        plot.HideGrid();
        Labels(plot, xName, "");
    }

    /// <summary>Points on logarithmic axes, with their range, and the line of slope -1 that lies nearest to all.</summary>
    public static void Inverse(Chart chart, string xName, string yName, string lineName, IReadOnlyList<Series> series)
    {
        Plot plot = chart.Plot;
        foreach (Series line in series)
        {
            LineLook look = ChartStyle.Look(line.Look);
            foreach ((double x, Spread y) in line.Points)
            {
                double at = Math.Log10(x);
                if (y.Least < y.Most) plot.Add.Line(at, Math.Log10(y.Least), at, Math.Log10(y.Most)).LineStyle = new LineStyle(SpreadWidth, look.Color);
                chart.Hovers.Add(new Hover(at, at, Math.Log10(y.Mean), Math.Log10(y.Mean), $"{line.Name}, {Numbers.Whole(x)} samples: {y.Text(Numbers.Short)}, n = {y.Count}", ChartStyle.MarkerSize));
            }

            ScottPlot.Plottables.Scatter drawn = plot.Add.ScatterPoints(line.Points.Select(point => new Coordinates(Math.Log10(point.X), Math.Log10(point.Y.Mean))).ToArray(), look.Color);
            (drawn.MarkerShape, drawn.MarkerSize, drawn.LegendText) = (look.Marker, ChartStyle.MarkerSize + 2, line.Name);
        }

        (double X, double Y)[] all = [.. series.SelectMany(line => line.Points).Select(point => (Math.Log10(point.X), Math.Log10(point.Y.Mean)))];
        double sum = all.Average(point => point.X + point.Y);
        double first = all.Min(point => point.X) - 0.1, last = all.Max(point => point.X) + 0.1;
        ScottPlot.Plottables.LinePlot slope = plot.Add.Line(first, sum - first, last, sum - last);
        (slope.LineStyle, slope.LegendText) = (new LineStyle(ChartStyle.ThinLineWidth, Color.FromHex(ChartStyle.Ink)), lineName);
        chart.SetPattern(slope.LineStyle, LinePattern.Dotted);
        double low = series.SelectMany(line => line.Points).Min(point => Math.Log10(point.Y.Least)), high = series.SelectMany(line => line.Points).Max(point => Math.Log10(point.Y.Most));
        plot.Axes.SetLimits(first, last, Math.Min(low, sum - last) - 0.05, Math.Max(high, sum - first) + 0.05);
        plot.Axes.Bottom.TickGenerator = Decades(first, last);
        plot.Axes.Left.TickGenerator = Decades(Math.Min(low, sum - last), Math.Max(high, sum - first));
        Labels(plot, xName, yName);
        chart.ShowLegend();
    }

    public static void Labels(Plot plot, string x, string y)
    {
        plot.Axes.Bottom.Label.Text = x;
        plot.Axes.Left.Label.Text = y;
    }

    /// <summary>1, 2 and 5 of each decade; of few decades more.</summary>
    private static NumericManual Decades(double from, double to, Func<double, string>? text = null)
    {
        const double few = 1.3;
        int[] digits = to - from < few ? [1, 2, 3, 4, 5, 7] : [1, 2, 5];
        NumericManual ticks = new();
        for (int decade = (int)Math.Floor(from); decade <= to; decade++)
        {
            foreach (int digit in digits)
            {
                double value = digit * Math.Pow(10, decade);
                ticks.AddMajor(Math.Log10(value), (text ?? Numbers.Short)(value));
            }
        }

        return ticks;
    }

    /// <summary>Of one point a band would have no width.</summary>
    private static void Band(Plot plot, double[] x, (double X, Spread Y)[] points, LineLook look)
    {
        const double faint = 0.18;
        if (points.Length == 1)
        {
            plot.Add.Line(x[0], points[0].Y.Least, x[0], points[0].Y.Most).LineStyle = new LineStyle(SpreadWidth, look.Color);
            return;
        }

        ScottPlot.Plottables.FillY band = plot.Add.FillY(x, [.. points.Select(point => point.Y.Least)], [.. points.Select(point => point.Y.Most)]);
        (band.FillColor, band.LineWidth, band.MarkerSize) = (look.Color.WithAlpha(faint), 0, 0);
    }

    private static void Rows(Plot plot, IReadOnlyList<string> names)
    {
        plot.Axes.SetLimitsY(-names.Count + 0.5, 0.5);
        plot.Axes.Left.TickGenerator = new NumericManual([.. names.Select((_, i) => -(double)i)], [.. names.Select(Wrapped)]);
        plot.Axes.Left.MajorTickStyle.Length = 0;
    }

    /// <summary>A name in lines that are not too long.</summary>
    private static string Wrapped(string name)
    {
        List<string> lines = [];
        foreach (string word in name.Split(' '))
        {
            if (lines.Count > 0 && lines[^1].Length + word.Length < NameWidth) lines[^1] += " " + word;
            else lines.Add(word);
        }

        return string.Join('\n', lines);
    }
}

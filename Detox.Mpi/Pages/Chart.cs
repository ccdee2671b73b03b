using ScottPlot;

namespace Detox.Mpi.Pages;

/// <summary>Text that a page shows over a place of a chart; in the chart's coordinates, with a margin in pixels.</summary>
internal readonly record struct Hover(double Left, double Right, double Bottom, double Top, string Text, float Margin = 0);

/// <summary>A picture: a PNG and an SVG file, and an SVG element of a page.</summary>
/// <param name="Name">Of the files, without an ending.</param>
/// <param name="Caption">What is drawn, n and seeds included.</param>
internal sealed record Chart(string Name, string Title, string Caption)
{
    private readonly List<(LineStyle Line, LinePattern Pattern)> _patterned = [];

    public const int UsualWidth = 440, UsualHeight = 340;

    public int Width { get; init; } = UsualWidth;

    public int Height { get; init; } = UsualHeight;

    public List<Hover> Hovers { get; } = [];

    public Plot Plot { get; } = New(Title);

    /// <summary>Whether a page gives it a line of its own.</summary>
    public bool IsWide => Width > UsualWidth;

    public void Save(string folder)
    {
        const int sharpness = 2;
        File.WriteAllText(Path.Combine(folder, Name + ".svg"), Svg(Color.FromHex(ChartStyle.Paper)));
        foreach ((LineStyle line, LinePattern pattern) in _patterned) line.Pattern = pattern;
        Plot.ScaleFactor = sharpness;
        Plot.SavePng(Path.Combine(folder, Name + ".png"), sharpness * Width, sharpness * Height);
        Plot.ScaleFactor = 1;
    }

    /// <summary>The picture as an element of a page: in the page's colours, with a text over every place that has one.</summary>
    public string Html() => InlineSvg.Of(Svg(Colors.Transparent), this, [.. Hovers.Select(Area)]);

    /// <summary>Draws a line in a pattern, in every form of the picture.</summary>
    public void SetPattern(LineStyle line, LinePattern pattern) => _patterned.Add((line, pattern));

    /// <summary>The legend below the picture, in as many lines as it takes.</summary>
    public void ShowLegend()
    {
        Plot.Legend.Orientation = Orientation.Horizontal;
        Plot.Legend.TightHorizontalWrapping = true;
        Plot.Legend.OutlineWidth = 0;
        Plot.Legend.ShadowColor = Colors.Transparent;
        Plot.Legend.BackgroundColor = Colors.Transparent;
        Plot.Legend.FontSize = ChartStyle.TextSize;
        Plot.Legend.FontColor = Color.FromHex(ChartStyle.Ink);
        if (ChartStyle.Font is { } font) Plot.Legend.FontName = font;
        Plot.ShowLegend(Edge.Bottom);
    }

    /// <summary>Patterns are put in afterwards: Skia would make a shape of each dash.</summary>
    private string Svg(Color paper)
    {
        Plot.FigureBackground.Color = paper;
        Plot.DataBackground.Color = paper;
        float[] widths = [.. _patterned.Select(patterned => patterned.Line.Width)];
        foreach ((LineStyle line, LinePattern pattern) in _patterned) (line.Pattern, line.Width) = (LinePattern.Solid, InlineSvg.WidthThatStandsFor(pattern, line.Width));
        string svg = InlineSvg.WithPatterns(Plot.GetSvgXml(Width, Height));
        for (int i = 0; i < widths.Length; i++) _patterned[i].Line.Width = widths[i];
        return svg;
    }

    /// <summary>In pixels, once the plot has been drawn.</summary>
    private (float X, float Y, float Width, float Height, string Text) Area(Hover hover)
    {
        Pixel low = Plot.GetPixel(new Coordinates(hover.Left, hover.Bottom)), high = Plot.GetPixel(new Coordinates(hover.Right, hover.Top));
        return (low.X - hover.Margin, high.Y - hover.Margin, high.X - low.X + (2 * hover.Margin), low.Y - high.Y + (2 * hover.Margin), hover.Text);
    }

    private static Plot New(string title)
    {
        const float titleSize = 14;
        Plot plot = new();
        if (ChartStyle.Font is { } font) plot.Font.Set(font);
        Color ink = Color.FromHex(ChartStyle.Ink);
        plot.Axes.Color(ink);
        plot.Grid.MajorLineColor = Color.FromHex(ChartStyle.Soft);
        plot.Axes.Title.Label.Text = title;
        plot.Axes.Title.Label.FontSize = titleSize;
        plot.Axes.Title.Label.Bold = true;
        foreach (IAxis axis in (IAxis[])[plot.Axes.Bottom, plot.Axes.Left])
        {
            axis.Label.FontSize = ChartStyle.TextSize;
            axis.Label.Bold = false;
            axis.TickLabelStyle.FontSize = ChartStyle.TextSize;
            axis.MinorTickStyle.Length = 0;
        }

        // The axes without lines keep room for what the others write beyond their ends.
        foreach (IAxis axis in (IAxis[])[plot.Axes.Right, plot.Axes.Top]) axis.FrameLineStyle.Width = 0;
        plot.HideLegend();
        return plot;
    }
}

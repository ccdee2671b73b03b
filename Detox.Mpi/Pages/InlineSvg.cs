using System.Globalization;
using System.Net;
using System.Text;
using ScottPlot;

namespace Detox.Mpi.Pages;

/// <summary>An SVG file as an element of a page.</summary>
internal static class InlineSvg
{
    private static readonly (LinePattern Pattern, string Dashes)[] _patterns = [(LinePattern.Dashed, "8 5"), (LinePattern.Dotted, "2 4"), (LinePattern.DenselyDashed, "5 3")];

    /// <summary>A width that is no other line's, by a few hundredths of a pixel.</summary>
    public static float WidthThatStandsFor(LinePattern pattern, float width)
        => Array.FindIndex(_patterns, known => known.Pattern.Equals(pattern)) is >= 0 and int i ? width + Mark(i) : width;

    /// <summary>The pattern in place of each width that stands for one.</summary>
    public static string WithPatterns(string svg)
    {
        for (int i = 0; i < _patterns.Length; i++)
        {
            foreach (float width in (float[])[ChartStyle.LineWidth, ChartStyle.ThinLineWidth])
            {
                string marked = (width + Mark(i)).ToString(CultureInfo.InvariantCulture), plain = width.ToString(CultureInfo.InvariantCulture);
                svg = svg.Replace($"stroke-width=\"{marked}\"", $"stroke-width=\"{plain}\" stroke-dasharray=\"{_patterns[i].Dashes}\"", StringComparison.Ordinal);
            }
        }

        return svg;
    }

    /// <param name="svg">A file as Skia writes it.</param>
    /// <param name="areas">Places with a text, in pixels.</param>
    public static string Of(string svg, Chart chart, IReadOnlyList<(float X, float Y, float Width, float Height, string Text)> areas)
    {
        int open = svg.IndexOf("<svg", StringComparison.Ordinal), body = svg.IndexOf('>', open) + 1, end = svg.LastIndexOf("</svg>", StringComparison.Ordinal);
        StringBuilder text = new(svg, body, end - body, svg.Length);

        // The names of clips are unique in a file, and a page holds many.
        text.Replace("id=\"cl_", $"id=\"{chart.Name}-").Replace("url(#cl_", $"url(#{chart.Name}-");
        text.Replace($"\"{ChartStyle.Ink}\"", "\"var(--ink)\"").Replace($"\"{ChartStyle.Soft}\"", "\"var(--soft)\"");
        for (int i = 0; i < ChartStyle.Colours.Count; i++) text.Replace($"\"{ChartStyle.Colours[i].Light}\"", $"\"var(--c{i})\"");
        if (ChartStyle.Font is { } font) text.Replace($"font-family=\"{font}\"", $"font-family=\"{font}, Verdana, sans-serif\"");
        text.Replace("\t", "");
        string start = $"<svg viewBox=\"0 0 {chart.Width} {chart.Height}\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(chart.Title)}\">";
        foreach ((float x, float y, float width, float height, string said) in areas)
        {
            text.Append(CultureInfo.InvariantCulture, $"<rect class=\"hover\" x=\"{x:F1}\" y=\"{y:F1}\" width=\"{width:F1}\" height=\"{height:F1}\">");
            text.Append($"<title>{WebUtility.HtmlEncode(said)}</title></rect>\n");
        }

        return $"{start}{text}</svg>";
    }

    /// <summary>Exact in binary, so that Skia and .NET write the same digits.</summary>
    private static float Mark(int pattern) => (pattern + 1) / 64f;
}

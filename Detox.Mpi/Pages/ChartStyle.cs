using ScottPlot;

namespace Detox.Mpi.Pages;

/// <summary>How a line looks: colour, marker and pattern all differ, so that none of them is needed to tell lines apart.</summary>
internal readonly record struct LineLook(Color Color, MarkerShape Marker, LinePattern Pattern);

/// <summary>What the charts share: colours that the colour-blind tell apart (Okabe, Ito 2008), markers, patterns, and one font.</summary>
internal static class ChartStyle
{
    public const float TextSize = 12, LineWidth = 1.75f, ThinLineWidth = 1, MarkerSize = 7;

    /// <summary>Text and axes, grid, and paper. A page puts those of its colour scheme in their place.</summary>
    public const string Ink = "#1B1F24", Soft = "#D9DDE3", Paper = "#FFFFFE";

    /// <summary>Blue, vermilion, green, purple, orange, sky blue, yellow; black is the ink. A page in the dark has lighter ones.</summary>
    public static readonly IReadOnlyList<(string Light, string Dark)> Colours =
    [
        ("#0072B2", "#4C9FDB"), ("#D55E00", "#F07A24"), ("#009E73", "#1FBF92"), ("#CC79A7", "#DE94BD"), ("#E69F00", "#F0B030"), ("#56B4E9", "#8BD0F7"), ("#C9B500", "#F0E442"),
    ];

    private static readonly MarkerShape[] _markers =
    [
        MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledTriangleUp, MarkerShape.FilledDiamond, MarkerShape.OpenCircle,
        MarkerShape.OpenSquare, MarkerShape.FilledTriangleDown, MarkerShape.Cross, MarkerShape.Eks, MarkerShape.OpenTriangleUp, MarkerShape.Asterisk,
    ];

    private static readonly MarkerShape[] _filled =
    [
        MarkerShape.FilledCircle, MarkerShape.FilledSquare, MarkerShape.FilledTriangleUp, MarkerShape.FilledDiamond, MarkerShape.FilledTriangleDown, MarkerShape.Cross, MarkerShape.Eks,
        MarkerShape.Asterisk,
    ];

    private static readonly LinePattern[] _patterns = [LinePattern.Solid, LinePattern.Dashed, LinePattern.Dotted, LinePattern.DenselyDashed];

    private static readonly string[] _fonts = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Open Sans", "Roboto", "Ubuntu", "Arial", "Helvetica", "Verdana"];

    private static readonly Lazy<string?> _font = new(FindFont);

    /// <summary>The family that labels are written in; null where the machine has no font at all.</summary>
    public static string? Font => _font.Value;

    /// <summary>The look of the i-th line of a page; 7 x 11 x 4 of them are different in more than one way.</summary>
    public static LineLook Look(int i) => new(ColourOf(i), _markers[i % _markers.Length], _patterns[i % _patterns.Length]);

    public static Color ColourOf(int i) => Color.FromHex(Colours[i % Colours.Count].Light);

    /// <summary>Shapes that are told apart where they are small and many.</summary>
    public static MarkerShape MarkerOf(int i) => _filled[i % _filled.Length];

    /// <summary>From 0, dark violet, to 1, yellow, with even steps in lightness: viridis, which the colour-blind read as well.</summary>
    public static Color Scale(double share) => new ScottPlot.Colormaps.Viridis().GetColor(Math.Clamp(share, 0, 1));

    private static string? FindFont()
    {
        using SkiaSharp.SKFontManager fonts = SkiaSharp.SKFontManager.CreateDefault();
        string[] there = [.. fonts.FontFamilies];
        return _fonts.Where(there.Contains).Concat(there).FirstOrDefault(HasLetters);

        // Where there is no font Skia has one without letters.
        bool HasLetters(string name)
        {
            using SkiaSharp.SKTypeface? font = fonts.MatchFamily(name);
            return font is { GlyphCount: > 0 };
        }
    }
}

namespace Detox.Mpi.Data;

/// <summary>One pen stroke by the control points of a quadratic B-spline; a point given twice makes a corner.</summary>
/// <remarks>Points are x, y pairs in glyph units: a digit is about 64 wide and 100 high, y grows downwards.</remarks>
internal sealed record Stroke(bool Closed, sbyte[] Points);

/// <summary>The ways in which people write the ten digits; the painter bends, slants and scales them.</summary>
internal static class DigitShapes
{
    /// <summary>Half the glyph's width and height: what the painter turns and scales around.</summary>
    public const float CentreX = 32f, CentreY = 50f;

    /// <summary>The variants of each digit, each a list of strokes.</summary>
    public static readonly Stroke[][][] OfDigit =
    [
        [ // 0: an oval; a narrow one.
            [Loop(32, -4, 70, 4, 70, 96, 32, 104, -6, 96, -6, 4)],
            [Loop(34, -4, 60, 10, 56, 94, 28, 104, 4, 92, 8, 8)],
        ],
        [ // 1: a bar; with a flag; with a flag and a foot.
            [Line(34, 0, 32, 50, 32, 100)],
            [Line(12, 26, 36, 0, 36, 0, 36, 100)],
            [Line(14, 24, 36, 0, 36, 0, 36, 100), Line(12, 100, 36, 99, 60, 100)],
        ],
        [ // 2: with a sharp foot; with a looped one.
            [Line(2, 24, 6, -4, 62, -6, 66, 34, 34, 62, 2, 100, 2, 100, 64, 100)],
            [Line(2, 18, 20, -8, 72, -2, 58, 50, 20, 104, -10, 92, 14, 78, 40, 100, 68, 96)],
        ],
        [ // 3: round; with a flat top.
            [Line(4, 10, 28, -6, 68, 2, 62, 46, 24, 47, 24, 47, 74, 50, 70, 104, 24, 108, 0, 88)],
            [Line(6, 2, 60, 2, 60, 2, 28, 42, 28, 42, 76, 46, 70, 108, 16, 106, 0, 88)],
        ],
        [ // 4: closed; open; open with a short stem.
            [Line(46, 100, 46, 0, 46, 0, 0, 68, 0, 68, 64, 68)],
            [Line(6, 0, 4, 56, 4, 56, 60, 54), Line(52, 2, 50, 50, 48, 100)],
            [Line(30, 0, 0, 64, 0, 64, 64, 62), Line(46, 32, 44, 66, 42, 100)],
        ],
        [ // 5: in one stroke; the bar apart.
            [Line(60, 2, 10, 2, 10, 2, 6, 46, 6, 46, 62, 28, 78, 84, 38, 108, 0, 94)],
            [Line(14, 4, 8, 46, 8, 46, 66, 34, 72, 94, 32, 106, 2, 94), Line(14, 4, 36, 2, 64, 2)],
        ],
        [ // 6: with a curved back; with a straight one.
            [Line(54, 2, 18, 12, -6, 64, 6, 106, 62, 108, 68, 52, 20, 48, 6, 74)],
            [Line(40, 0, 14, 38, 0, 84, 22, 106, 60, 102, 64, 60, 30, 50, 6, 76)],
        ],
        [ // 7: plain; with a bar; with a serif and a bent stem.
            [Line(2, 4, 62, 4, 62, 4, 24, 100)],
            [Line(2, 4, 62, 4, 62, 4, 26, 100), Line(18, 52, 36, 51, 56, 52)],
            [Line(4, 18, 4, 2, 4, 2, 62, 2, 62, 2, 36, 46, 28, 100)],
        ],
        [ // 8: one crossing stroke; two rings.
            [Loop(60, 14, 32, -10, 0, 14, 14, 42, 52, 58, 70, 90, 32, 112, -6, 90, 12, 58, 52, 40)],
            [Loop(32, -4, 62, 4, 58, 44, 32, 50, 6, 44, 4, 4), Loop(32, 46, 68, 56, 64, 100, 32, 106, 0, 100, -4, 56)],
        ],
        [ // 9: with a straight stem; with a curved tail.
            [Line(60, 28, 56, -4, 0, -8, -4, 52, 48, 58, 60, 22, 60, 22, 54, 100)],
            [Line(60, 26, 52, -6, 2, -6, -4, 52, 50, 56, 60, 22, 60, 22, 66, 84, 40, 108, 8, 98)],
        ],
    ];

    /// <summary>The most control points that a stroke has.</summary>
    public static readonly int MostPoints = OfDigit.SelectMany(v => v).SelectMany(s => s).Max(s => s.Points.Length / 2);

    private static Stroke Line(params sbyte[] points) => new(false, points);

    private static Stroke Loop(params sbyte[] points) => new(true, points);
}

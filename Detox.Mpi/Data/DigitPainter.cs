using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>Paints one random digit into 28x28 bytes, ink bright on a dark ground.</summary>
/// <remarks>Only +, -, *, / and square roots of floats, so the bytes are the same on every machine: no sine or
/// exponential, whose last bits differ between libraries. A turn is the rational point
/// ((1-t^2)/(1+t^2), 2t/(1+t^2)) of the unit circle.</remarks>
internal static class DigitPainter
{
    public const int Side = 28;

    // How hard the set is. Chosen so that a linear classifier fails on one digit in six or so and LeNet on one in a
    // hundred; the tests hold the linear one.
    private const float HalfHeightLow = 7.0f, HalfHeightHigh = 10.5f;
    private const float WidthLow = 0.75f, WidthHigh = 1.15f;
    private const float MostTurn = 0.10f;
    private const float MostSlant = 0.30f;
    private const float MostShift = 2.5f;
    private const float MostBend = 6f;
    private const float ThinStroke = 0.65f, ThickStroke = 1.7f;

    private const int LinesPerArc = 4;

    // A row of ink and room for the lanes that a vector at its last column has too many.
    private const int Stride = Side + 8;

    /// <summary>Paints <paramref name="digit"/>; the same generator state paints the same bytes.</summary>
    public static void Paint(int digit, SeededRandom random, Span<byte> pixels)
    {
        Stroke[][] variants = DigitShapes.OfDigit[digit];
        Stroke[] strokes = variants[random.NextInt(variants.Length)];

        float scaleY = random.NextFloat(HalfHeightLow, HalfHeightHigh) / DigitShapes.CentreY;
        float scaleX = scaleY * random.NextFloat(WidthLow, WidthHigh);
        float slant = random.NextFloat(-MostSlant, MostSlant);
        float t = random.NextFloat(-MostTurn, MostTurn);
        float cosine = (1 - (t * t)) / (1 + (t * t)), sine = 2 * t / (1 + (t * t));
        float centreX = (Side * 0.5f) + random.NextFloat(-MostShift, MostShift);
        float centreY = (Side * 0.5f) + random.NextFloat(-MostShift, MostShift);

        var pen = new Pen(random.NextFloat(ThinStroke, ThickStroke), random.NextFloat(0.6f, 1.4f), random.NextFloat(0.55f, 1f));
        Span<float> ink = stackalloc float[Side * Stride];
        ink.Clear();
        Span<float> x = stackalloc float[DigitShapes.MostPoints];
        Span<float> y = stackalloc float[DigitShapes.MostPoints];
        foreach (Stroke stroke in strokes)
        {
            int count = stroke.Points.Length / 2;
            for (int i = 0; i < count; i++)
            {
                // A corner is one point given twice: it moves as one, or the corner would fray.
                if (i > 0 && stroke.Points[2 * i] == stroke.Points[(2 * i) - 2] && stroke.Points[(2 * i) + 1] == stroke.Points[(2 * i) - 1])
                {
                    x[i] = x[i - 1];
                    y[i] = y[i - 1];
                    continue;
                }
                float v = (stroke.Points[(2 * i) + 1] - DigitShapes.CentreY + random.NextFloat(-MostBend, MostBend)) * scaleY;
                float u = ((stroke.Points[2 * i] - DigitShapes.CentreX + random.NextFloat(-MostBend, MostBend)) * scaleX) - (slant * v);
                x[i] = centreX + (cosine * u) - (sine * v);
                y[i] = centreY + (sine * u) + (cosine * v);
            }
            DrawSpline(ink, x[..count], y[..count], stroke.Closed, pen);
        }
        DrawClutter(ink, ref random);
        Develop(ink, ref random, pixels);
    }

    /// <summary>Up to three faint, short strokes anywhere: what a dirty page adds.</summary>
    private static void DrawClutter(Span<float> ink, ref SeededRandom random)
    {
        Span<float> x = stackalloc float[3];
        Span<float> y = stackalloc float[3];
        for (int stroke = random.NextInt(4); stroke > 0; stroke--)
        {
            x[0] = random.NextFloat(0, Side);
            y[0] = random.NextFloat(0, Side);
            for (int i = 1; i < 3; i++)
            {
                x[i] = x[i - 1] + random.NextFloat(-5f, 5f);
                y[i] = y[i - 1] + random.NextFloat(-5f, 5f);
            }
            DrawSpline(ink, x, y, closed: false, new Pen(random.NextFloat(0.4f, 1f), 1f, random.NextFloat(0.2f, 0.5f)));
        }
    }

    /// <summary>Ink to bytes: an uneven ground, noise on every pixel, and the range of a byte.</summary>
    private static void Develop(ReadOnlySpan<float> ink, ref SeededRandom random, Span<byte> pixels)
    {
        float noise = random.NextFloat(0.05f, 0.25f);
        float ground = random.NextFloat(0f, 0.15f);
        float acrossX = random.NextFloat(-0.004f, 0.004f), acrossY = random.NextFloat(-0.004f, 0.004f);
        for (int i = 0; i < pixels.Length;)
        {
            int row = i / Side, column = i % Side;
            ulong bits = random.NextBits();
            // Four pixels of a row a draw: the sum of two bytes is a triangle around 255.
            for (int k = 0; k < 4; k++, i++, column++, bits >>= 16)
            {
                float grain = ((float)((int)(bits & 0xFF) + (int)((bits >> 8) & 0xFF)) - 255f) * (1f / 255f);
                float dark = ground + (acrossX * column) + (acrossY * row);
                float value = dark + ((1f - dark) * ink[(row * Stride) + column]) + (noise * grain);
                value = value < 0f ? 0f : value > 1f ? 1f : value;
                pixels[i] = (byte)(int)((value * 255f) + 0.5f);
            }
        }
    }

    /// <summary>A uniform quadratic B-spline: its arcs run from middle to middle of the control polygon's sides.</summary>
    private static void DrawSpline(Span<float> ink, ReadOnlySpan<float> x, ReadOnlySpan<float> y, bool closed, Pen pen)
    {
        int count = x.Length;
        int first = closed ? 0 : 1, last = closed ? count - 1 : count - 2;
        for (int i = first; i <= last; i++)
        {
            int before = i == 0 ? count - 1 : i - 1, after = i == count - 1 ? 0 : i + 1;
            bool fromEnd = !closed && i == 1, toEnd = !closed && i == count - 2;
            float ax = fromEnd ? x[0] : (x[before] + x[i]) * 0.5f, ay = fromEnd ? y[0] : (y[before] + y[i]) * 0.5f;
            float bx = toEnd ? x[after] : (x[i] + x[after]) * 0.5f, by = toEnd ? y[after] : (y[i] + y[after]) * 0.5f;
            float fromX = ax, fromY = ay;
            for (int k = 1; k <= LinesPerArc; k++)
            {
                float s = k * (1f / LinesPerArc), o = 1f - s;
                float toX = (o * o * ax) + (2f * o * s * x[i]) + (s * s * bx);
                float toY = (o * o * ay) + (2f * o * s * y[i]) + (s * s * by);
                DrawLine(ink, fromX, fromY, toX, toY, pen);
                (fromX, fromY) = (toX, toY);
            }
        }
    }

    /// <summary>Lays ink within the pen's radius of a line; where strokes cross, the brighter ink stays.</summary>
    /// <remarks>Eight columns at once. A vector's lanes are each rounded as one float is, so its width changes no bit; lanes past
    /// the line's box lay no ink, lanes past the image lie in the row's padding.</remarks>
    private static void DrawLine(Span<float> ink, float ax, float ay, float bx, float by, Pen pen)
    {
        float reach = pen.Radius + pen.Softness;
        int left = Cell(Math.Min(ax, bx) - reach), right = Cell(Math.Max(ax, bx) + reach);
        int top = Cell(Math.Min(ay, by) - reach), bottom = Cell(Math.Max(ay, by) + reach);
        float dx = bx - ax, dy = by - ay;
        float squared = (dx * dx) + (dy * dy);
        float inverse = squared > 0f ? 1f / squared : 0f;
        float falloff = pen.Level / pen.Softness;
        for (int column = left; column <= right; column += Vector256<float>.Count)
        {
            Vector256<float> px = (Vector256<float>.Indices + Vector256.Create(column + 0.5f)) - Vector256.Create(ax);
            Vector256<float> pxdx = px * dx;
            for (int row = top; row <= bottom; row++)
            {
                float py = row + 0.5f - ay;
                Vector256<float> along = (pxdx + Vector256.Create(py * dy)) * inverse;
                along = Vector256.Min(Vector256.Max(along, Vector256<float>.Zero), Vector256<float>.One);
                Vector256<float> ex = px - (along * dx), ey = Vector256.Create(py) - (along * dy);
                Vector256<float> distance = Vector256.Sqrt((ex * ex) + (ey * ey));
                Vector256<float> level = Vector256.Min((Vector256.Create(reach) - distance) * falloff, Vector256.Create(pen.Level));
                Span<float> cells = ink.Slice((row * Stride) + column, Vector256<float>.Count);
                Vector256.Max(level, Vector256.Create<float>(cells)).StoreUnsafe(ref MemoryMarshal.GetReference(cells));
            }
        }
    }

    private static int Cell(float position) => position < 0f ? 0 : position >= Side ? Side - 1 : (int)position;

    /// <summary>Full ink within the radius, fading to none over the softness, in pixels.</summary>
    private readonly record struct Pen(float Radius, float Softness, float Level);
}

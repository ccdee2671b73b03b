using Detox.Gpu;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Attacks;

/// <summary>Honest gradients of many shapes and sizes, for attacks to be compared on.</summary>
internal static class HonestRows
{
    public static IReadOnlyDictionary<string, float[][]> All { get; } = new Dictionary<string, float[][]>
    {
        ["2 rows"] = SampleRows.Honest(2, 7, 1),
        ["9 rows"] = SampleRows.Honest(9, 40, 2),
        ["15 rows"] = SampleRows.Honest(15, 33, 3),
        ["of all signs"] = Signed(6, 50, 4),
        ["one coordinate"] = SampleRows.Honest(7, 1, 5),
        ["ties"] = Whole(8, 30, 6),
        ["one row"] = SampleRows.Honest(1, 5, 7),
        ["one number"] = [[3]],
        ["zeros"] = [.. Enumerable.Repeat(new float[4], 5)],
        ["equal rows"] = [.. Enumerable.Repeat(new[] { 0.5f, -3, 1e-20f }, 6)],
        ["huge"] = Scaled(SampleRows.Honest(9, 20, 8), 1e36f),
        ["tiny"] = Scaled(SampleRows.Honest(9, 20, 9), 1e-36f),
        ["subnormal"] = Scaled(SampleRows.Honest(9, 20, 10), 1e-42f),
        ["of many sizes"] = Sized(9, 30, 11),
    };

    public static float[][] Scaled(float[][] rows, float scale) => [.. rows.Select(row => Array.ConvertAll(row, x => x * scale))];

    private static float[][] Signed(int n, int width, ulong seed)
    {
        SeededRandom random = new(seed);
        return Rows(n, width, () => random.NextFloat(-1, 1));
    }

    private static float[][] Whole(int n, int width, ulong seed)
    {
        SeededRandom random = new(seed);
        return Rows(n, width, () => random.NextInt(5) - 2);
    }

    private static float[][] Sized(int n, int width, ulong seed)
    {
        SeededRandom random = new(seed);
        return Rows(n, width, () => random.NextFloat(-1, 1) * MathF.Pow(10, random.NextInt(20) - 10));
    }

    private static float[][] Rows(int n, int width, Func<float> draw)
        => [.. Enumerable.Range(0, n).Select(_ => Enumerable.Range(0, width).Select(_ => draw()).ToArray())];
}

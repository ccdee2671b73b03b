using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Kernels;

/// <summary>Passes over rows.</summary>
internal static class RowCases
{
    /// <summary>Every size of column that has code of its own; around vectors.</summary>
    private static readonly int[] _counts = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 45, 49], _widths = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 65, 100, 129];

    private static readonly (int Count, int Width)[] _tiny = [(1, 5), (2, 33), (7, 100), (8, 9), (17, 40), (33, 3), (64, 5), (65, 4), (3, 130)];

    /// <summary>Beyond one block of columns, or one chunk of a distance.</summary>
    private static readonly (int Count, int Width)[] _wide = [(15, 4097), (16, 20_000), (32, 10_000), (45, 5000), (5, 8191), (5, 8192), (5, 16_400), (5, 24_593)];

    /// <summary>More rows than registers hold: around whole blocks and powers of two.</summary>
    private static readonly int[] _tall = [65, 66, 95, 127, 128, 129, 192, 193, 255, 257, 300, 513, 1000];

    private static readonly (string What, Func<int, ulong, float[]> Values)[] _columns =
    [
        ("wild", (count, seed) => SampleRows.Values(count, seed, wild: true)),
        ("few values", (count, seed) => [.. TestDevices.Random(count, seed, 0, 3).Select(MathF.Floor)]),
        ("all equal", (count, seed) => [.. Enumerable.Repeat(-2.5f, count)]),
        ("close", (count, seed) => TestDevices.Random(count, seed, 1, 1.0001f)),
    ];

    private static readonly (string What, Func<int, ulong, float[]> Values)[] _columnsOfFewRows =
    [
        .. _columns,
        ("zeros of both signs", (count, seed) => [.. TestDevices.Random(count, seed, -1, 3).Select(value => value < 0 ? -1 : value < 1 ? -0f : value < 2 ? 0 : 1)]),
        ("huge", (count, seed) => [.. TestDevices.Random(count, seed, -3e38f, 3e38f)]),
        ("a NaN here and there", (count, seed) => [.. TestDevices.Random(count, seed, -1, 1).Select(value => value > 0.99f ? float.NaN : value < -0.99f ? -float.NaN : value)]),
    ];

    private delegate void Pass(Operands operands, Rows rows);

    public static IEnumerable<OpCase> All() =>
    [
        .. OpCases.Both.SelectMany(wild => (OpCase[])
        [
            .. _tiny.SelectMany(rows => Passes(rows.Count, rows.Width, wild, tiny: true)),
            .. _counts.SelectMany(count => _widths.SelectMany(width => Passes(count, width, wild, tiny: false))),
            .. _wide.SelectMany(rows => Passes(rows.Count, rows.Width, wild, tiny: false)),
        ]),
        .. Tall(),
        .. FewRows(),
        .. WeightsThatAreNone(),
        .. ManyDistances(),
    ];

    private static IEnumerable<OpCase> Passes(int count, int width, bool wild, bool tiny)
    {
        float[] weights = SampleRows.Values(count, 60, wild: false);
        (string Op, Pass Run)[] passes =
        [
            (nameof(WeightedSum), (o, rows) => o.Device.Run(new WeightedSum(rows, weights, 3, o.Unwritten(width)))),
            (nameof(CoordinateMedian), (o, rows) => o.Device.Run(new CoordinateMedian(rows, o.Unwritten(width)))),
            (nameof(MeanAround), AroundMedian),
            (nameof(SignMajority), (o, rows) => o.Device.Run(new SignMajority(rows, o.Unwritten(width)))),
            (nameof(TrimmedMean), Trimmed),
            (nameof(PairwiseSquaredDistances), Distances),
            (nameof(SquaredDistances), FromPoints),
            (nameof(GatherColumns), Gathered),
        ];
        return passes.Select(pass => Case(pass.Op, count, width, wild ? "wild" : "", tiny, length => SampleRows.Values(length, (ulong)((count * 1000) + width), wild), pass.Run));
    }

    private static IEnumerable<OpCase> Tall()
    {
        foreach ((int count, int width, bool tiny) in _tall.Select(count => (count, 131, false)).Concat([(65, 3, true), (130, 3, true), (1024, 9, false), (2500, 17, false)]))
        {
            foreach ((string what, Func<int, ulong, float[]> values) in _columns)
            {
                yield return Case(nameof(CoordinateMedian), count, width, what, tiny, length => values(length, (ulong)count), (o, rows) => o.Device.Run(new CoordinateMedian(rows, o.Unwritten(width))));
                yield return Case(nameof(TrimmedMean), count, width, what, tiny, length => values(length, (ulong)count), Trimmed);
                yield return Case(nameof(MeanAround), count, width, what, tiny, length => values(length, (ulong)count), AroundMedian);
            }
        }

        // More columns than are sorted at a time.
        yield return Case(nameof(MeanAround), 130, 33_000, "wild", tiny: false, length => SampleRows.Values(length, 61, wild: true), (o, rows) => o.Device.Run(new MeanAround(rows, null, 65, o.Unwritten(33_000))));
    }

    /// <summary>Medians of few rows are found among numbers, and once more where zeros or what is no number are in the way.</summary>
    private static IEnumerable<OpCase> FewRows()
    {
        foreach (int count in (int[])[1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 34, 45, 47, 48, 49, 50, 63, 64])
            foreach ((string what, Func<int, ulong, float[]> values) in _columnsOfFewRows)
                yield return Case(nameof(CoordinateMedian), count, 99, what, tiny: false, length => values(length, (ulong)count), (o, rows) => o.Device.Run(new CoordinateMedian(rows, o.Unwritten(99))));
    }

    private static IEnumerable<OpCase> WeightsThatAreNone()
    {
        foreach (int width in (int[])[1, 17, 40, 4100, 8200])
        {
            foreach (float[] weights in (float[][])[[0, -0f, 0], [1, float.NaN, 0], [0, 2, -0f], [1, 0.5f, -2]])
            {
                foreach (float divisor in (float[])[3, 0, -0f, float.NaN])
                {
                    yield return Case(nameof(WeightedSum), 3, width, $"weights {string.Join(' ', weights)}, divisor {divisor}", width <= 40, length => SampleRows.Values(length, 62, wild: true), (o, rows) =>
                        o.Device.Run(new WeightedSum(rows, weights, divisor, o.Unwritten(width))));
                }
            }
        }
    }

    private static IEnumerable<OpCase> ManyDistances()
    {
        foreach ((int count, int width) in new[] { 1000, 1024, 4095, 4113, 16_384, 16_400, 40_001 }.SelectMany(width => new[] { (2, width), (5, width) }).Concat([(101, 37), (130, 4200)]))
        {
            yield return Case(nameof(PairwiseSquaredDistances), count, width, "", tiny: false, length => SampleRows.Values(length, 63, wild: false), Distances);
            yield return Case(nameof(SquaredDistances), count, width, "", tiny: false, length => SampleRows.Values(length, 63, wild: false), FromPoints);
        }
    }

    private static void Trimmed(Operands o, Rows rows)
    {
        int n = rows.Count;
        foreach (int trim in ((int[])[0, 1, n / 5, (n - 1) / 2]).Where(trim => 2 * trim < n).Distinct()) o.Device.Run(new TrimmedMean(rows, trim, o.Unwritten((int)rows.Width)));
    }

    private static void AroundMedian(Operands o, Rows rows)
    {
        int n = rows.Count;
        foreach (int keep in ((int[])[1, n / 3, (n + 1) / 2, n - 2, n - 1, n]).Where(keep => keep > 0).Distinct())
            foreach (int? trim in ((int?[])[null, 0, n / 4]).Distinct())
                o.Device.Run(new MeanAround(rows, trim, keep, o.Unwritten((int)rows.Width)));
    }

    private static void Distances(Operands o, Rows rows)
    {
        double[] distances = new double[rows.Count * rows.Count];
        Array.Fill(distances, 77);
        o.Device.Run(new PairwiseSquaredDistances(rows, distances));
        o.Record(distances);
    }

    private static void FromPoints(Operands o, Rows rows)
    {
        double[] distances = new double[rows.Count];
        foreach (View? point in (View?[])[null, rows[rows.Count / 2], o.Of(SampleRows.Values((int)rows.Width, 64, wild: false))])
        {
            Array.Fill(distances, 77);
            o.Device.Run(new SquaredDistances(rows, point, distances));
            o.Record(distances);
        }
    }

    /// <summary>No column, the last one, all of them in another order, and some more than once.</summary>
    private static void Gathered(Operands o, Rows rows)
    {
        int width = (int)rows.Width;
        long[] shuffled = [.. Enumerable.Range(0, width)];
        new SeededRandom(65).Shuffle(shuffled.AsSpan());
        foreach (long[] columns in (long[][])[[], [width - 1], shuffled, [.. shuffled[..((width + 2) / 3)], .. shuffled[..((width + 4) / 5)]]])
            o.Device.Run(new GatherColumns(rows, columns, o.Unwritten(rows.Count * columns.Length)));
    }

    // The rows lie in a seeded order with gaps, at offsets that no vector is aligned to. A NaN that a pass writes is always the same.
    private static OpCase Case(string op, int count, int width, string what, bool tiny, Func<int, float[]> values, Pass run)
    {
        int stride = width + 5;
        long[] offsets = [.. Enumerable.Range(0, count).Select(i => 3 + ((long)i * stride))];
        new SeededRandom(7).Shuffle(offsets.AsSpan());
        return new(op, $"{count} rows of {width}{(what.Length > 0 ? $", {what}" : "")}", tiny, ExactNaN: true, o => run(o, new Rows(o.Of(values((count * stride) + 3)), offsets, width)));
    }
}

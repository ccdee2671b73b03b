using Detox.Gpu;

namespace Detox.Tests.Aggregation.Plain;

/// <summary>Rows of which f are wrong, and others at which rules take other ways.</summary>
/// <param name="Size">Of the values that a rule which stands f rows may let through.</param>
/// <param name="MayTie">Values repeat, so that what rules decide by may be equal by chance.</param>
internal sealed record SampleMatrix(string Name, int F, double Size, float[][] Rows, bool MayTie = false)
{
    public static IReadOnlyList<SampleMatrix> All { get; } = [.. Make()];

    public bool IsBeyondFinite { get; } = Rows.Any(row => row.Any(x => !float.IsFinite(x)));

    /// <summary>Of all values.</summary>
    public double Largest { get; } = Rows.Max(row => row.Where(float.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());

    private static IEnumerable<SampleMatrix> Make()
    {
        for (ulong seed = 1; seed <= 3; seed++)
        {
            foreach ((int n, int f, int width) in new[] { (7, 1, 12), (9, 2, 5), (11, 2, 30), (15, 3, 8), (21, 2, 10) })
            {
                foreach (float scale in (float[])(seed == 1 ? [1, 1e12f, 1e-12f] : [1]))
                {
                    yield return new($"honest rows of size {scale}, seed {seed}", f, scale, Scaled(SampleRows.Honest(n, width, seed), scale));
                    foreach (string outliers in (string[])["reversed", "far", "near", "mean", "apart"])
                        yield return new($"{outliers} outliers, size {scale}, seed {seed}", f, scale, Scaled(WithOutliers(outliers, n, f, width, seed), scale));
                }

                foreach ((float bad, string name) in new[] { (float.NaN, "NaN"), (float.PositiveInfinity, "inf"), (float.NegativeInfinity, "-inf") })
                {
                    float[][] rows = SampleRows.Honest(n, width, seed);
                    for (int i = 0; i < f; i++) rows[((i * 4) + 1) % n][i % width] = bad;
                    yield return new($"{name} in f rows, seed {seed}", f, 1, rows);
                }
            }

            // Values that tie, and whose sums and distances are exact.
            SeededRandom random = new(seed);
            float[][] few = [.. Enumerable.Range(0, 11).Select(_ => (float[])[random.NextInt(3) - 1, random.NextInt(3), 2])];
            yield return new($"few values, seed {seed}", 2, 1, few, MayTie: true);
            yield return new($"one column, seed {seed}", 2, 1, [.. SampleRows.Honest(11, 1, seed)], MayTie: true);
            yield return new($"one row, seed {seed}", 0, 1, SampleRows.Honest(1, 9, seed));
            yield return new($"one value, seed {seed}", 0, 1, SampleRows.Honest(1, 1, seed));
            yield return new($"two rows, seed {seed}", 0, 1, SampleRows.Honest(2, 4, seed));
            float[] same = SampleRows.Honest(1, 6, seed)[0];
            yield return new($"equal rows, seed {seed}", 2, 1, [.. Enumerable.Repeat(same, 11)], MayTie: true);
            yield return new($"most rows equal, seed {seed}", 2, 1, [.. SampleRows.Honest(2, 6, seed), .. Enumerable.Repeat(same, 9)], MayTie: true);
            yield return new($"pairs of equal rows, seed {seed}", 2, 1, [.. SampleRows.Honest(6, 6, seed).SelectMany(row => (float[][])[row, row])], MayTie: true);
        }

        yield return new("zeros", 2, 1, [.. Enumerable.Range(0, 11).Select(_ => new float[7])], MayTie: true);
        yield return new("zeros of both signs", 2, 1, [.. Enumerable.Range(0, 11).Select(i => (float[])[i % 2 == 0 ? 0f : -0f, -0f])], MayTie: true);
    }

    private static float[][] Scaled(float[][] rows, float scale) => [.. rows.Select(row => Array.ConvertAll(row, x => x * scale))];

    private static float[][] WithOutliers(string kind, int n, int f, int width, ulong seed)
    {
        float[][] rows = SampleRows.Honest(n, width, seed);
        float[] mean = [.. Enumerable.Range(0, width).Select(j => rows.Average(row => row[j]))];
        SeededRandom random = new(seed, 1);
        for (int i = 0; i < f; i++)
        {
            float sign = i % 2 == 0 ? 1 : -1;
            rows[(i * 4) % n] = kind switch
            {
                "reversed" => [.. mean.Select(x => -20 * x)],
                "far" => [.. mean.Select(x => (sign * 1e6f) + (1e5f * random.NextFloat()))],
                "near" => [.. mean.Select(x => x + (sign * 0.7f))],
                "mean" => i == 0 ? mean : [.. mean.Select(x => 900 * random.NextFloat(-1, 1))],
                _ => [.. mean.Select(_ => 30 * random.NextFloat(-1, 1))],
            };
        }

        return rows;
    }
}

using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Tests.Aggregation;

/// <summary>The rules on cases worked out by hand, and against plain implementations in double.</summary>
public sealed class RuleTests
{
    private static readonly string[] Robust = ["median", "geometric-median", "krum", "multi-krum", "bulyan"];

    private static readonly float[][] Column = [[1], [2], [3], [5], [100]];

    [TestCase("mean", 0, 22.2f)]
    [TestCase("median", 0, 3f)]
    // Scores over 5-1-2 = 2 nearest: 1: 1+4, 2: 1+1, 3: 1+4, 5: 4+9, 100: much.
    [TestCase("krum", 1, 2f)]
    // The best two; 1 and 3 tie, and the next neighbour is nearer to 3.
    [TestCase("multi-krum", 1, 2.5f)]
    [TestCase("multi-krum(select=3)", 1, 2f)]
    [TestCase("sign-majority", 0, 1f)]
    public void OneColumnByHand(string rule, int f, float expected)
        => Assert.That(SampleRows.Aggregate(rule, f, Column), Is.EqualTo(new[] { expected }));

    [Test]
    public void MedianOfAnEvenNumberIsTheMeanOfTheMiddles()
        => Assert.That(SampleRows.Aggregate("median", 0, [4, 1], [1, -3], [2, 7], [9, 1]), Is.EqualTo(new[] { 3f, 1f }));

    [Test]
    public void OfRowsThatAreEquallyFarFromAllOthersKrumTakesTheFirst()
        => Assert.That(SampleRows.Aggregate("krum", 0, [0, 0, 1], [0, 1, 0], [1, 0, 0]), Is.EqualTo(new[] { 0f, 0f, 1f }));

    /// <summary>Among five rows two neighbours count: 2 + 8 of (3, 0), whose third is at 9, and 5 + 5 of (1, 2), whose third is at 8.</summary>
    [Test]
    public void OfEqualScoresTheNeighboursThatDoNotCountDecide()
        => Assert.That(SampleRows.Aggregate("krum", 1, [0, 4], [4, 1], [3, 0], [0, 0], [1, 2]), Is.EqualTo(new[] { 1f, 2f }));

    [Test]
    public void BulyanByHand()
    {
        // n = 7, f = 1: Krum takes 10.5, 10 (11 ties), 11, 9 (12 ties) and, of 0, 12 and 1000, 12 (0 ties); in each tie the
        // next neighbour decides. Nearest to the median 10.5 are 10, 10.5 and 11.
        float[][] rows = [[0], [10], [11], [9], [10.5f], [12], [1000]];
        Assert.That(SampleRows.Aggregate("bulyan", 1, rows), Is.EqualTo(new[] { 10.5f }));
        Assert.That(PlainBulyan(rows, 1), Is.EqualTo(new[] { 10.5 }));
    }

    [Test]
    public void GeometricMedianByHand()
    {
        // The corners of a triangle with no angle of 120 degrees: the Fermat point sees each side under 120 degrees.
        float[] point = SampleRows.Aggregate("geometric-median", 0, [0, 0], [4, 0], [0, 3]);
        for (int i = 0; i < 3; i++)
        {
            (float x, float y)[] corners = [(0, 0), (4, 0), (0, 3)];
            var (a, b) = (corners[i], corners[(i + 1) % 3]);
            double angle = Math.Atan2(a.y - point[1], a.x - point[0]) - Math.Atan2(b.y - point[1], b.x - point[0]);
            Assert.That(Math.Cos(angle), Is.EqualTo(-0.5).Within(1e-4));
        }
    }

    [Test]
    public void GeometricMedianOfAMajorityOfEqualRowsIsThatRow()
        => Assert.That(SampleRows.Aggregate("geometric-median", 0, [9, 9], [1, 2], [-50, 3], [1, 2], [1, 2]), Is.EqualTo(new[] { 1f, 2f }));

    /// <summary>From the mean 2 the weights of 0, 1 and 5 become 1/2, 1 and 1/3, scaled to the sum 1: they change by 14/33 in total.</summary>
    [TestCase("geometric-median(iterations=1)", 16 / 11.0)]
    [TestCase("geometric-median(tolerance=0.43)", 16 / 11.0)]
    [TestCase("geometric-median(tolerance=0.42,iterations=1)", 16 / 11.0)]
    [TestCase("geometric-median", 1)]
    public void GeometricMedianStopsAfterSoManyIterationsOrWhereTheWeightsStand(string rule, double expected)
        => Comparisons.Within([expected], SampleRows.Aggregate(rule, 0, [0], [1], [5]), 1e-5, rule);

    [Test]
    public void GeometricMedianGoesOnWhereTheWeightsStillChangeByMoreThanTheTolerance()
        => Assert.That(SampleRows.Aggregate("geometric-median(tolerance=0.42)", 0, [0], [1], [5])[0], Is.LessThan(1.4f));

    [Test]
    public void TheSizeOfTheRowsDoesNotMatterToTheGeometricMedian([Values(1e-4f, 1e4f)] float size)
        => Assert.That(SampleRows.Aggregate("geometric-median", 0, [0], [size], [5 * size])[0] / size, Is.EqualTo(1).Within(1e-4));

    [Test]
    public void GeometricMedianWhoseIterateMeetsARowIsThatRow()
        => Assert.That(SampleRows.Aggregate("geometric-median", 0, [-1], [0], [1]), Is.EqualTo(new[] { 0f }).Within(1e-5f));

    /// <summary>The balls around 0 and 1 that hold two of the three rows have the radius 1; the first row's counts.</summary>
    [TestCase(10_000, 1)]
    [TestCase(10_000.5f, 0.5f)]
    [TestCase(20_000, 0.5f)]
    public void ARowThatIsFurtherOffThanTenThousandRadiiDoesNotPull(float far, float expected)
        => Assert.That(SampleRows.Aggregate("geometric-median", 0, [0], [1], [far]), Is.EqualTo(new[] { expected }).Within(1e-4f));

    [Test]
    public void GeometricMedianEqualsPlainWeiszfeld([Values(3, 6, 15, 45)] int n, [Values(1, 2, 3)] int seed)
    {
        float[][] rows = SampleRows.Honest(n, 37, (ulong)seed);
        for (int i = 0; i < (n - 1) / 3; i++)
            for (int j = 0; j < 37; j++)
                rows[i][j] *= -100;
        Comparisons.Within(PlainGeometricMedian(rows), SampleRows.Aggregate("geometric-median", 0, rows), 1e-4, "geometric-median");
    }

    [Test]
    public void KrumAndItsKinEqualPlainImplementations([Values(0, 1, 2, 3)] int f, [Range(1, 8)] int seed)
    {
        int n = (4 * f) + 3 + (seed % 4);
        float[][] rows = SampleRows.Honest(n, 29, (ulong)seed);
        for (int i = 0; i < f; i++)
            for (int j = 0; j < 29; j++)
                rows[(i * 3) + 1][j] *= seed - 5;
        int[] order = PlainKrum(rows, [.. Enumerable.Range(0, n)], n - f - 2);
        Assert.That(SampleRows.Aggregate("krum", f, rows), Is.EqualTo(rows[order[0]]));
        double[] mean = PlainMean([.. order.Take(n - f - 2).Select(i => rows[i])]);
        Comparisons.Within(mean, SampleRows.Aggregate("multi-krum", f, rows), 1e-5, "multi-krum");
        Comparisons.Within(PlainBulyan(rows, f), SampleRows.Aggregate("bulyan", f, rows), 1e-5, "bulyan");
    }

    [Test]
    public void TheOrderOfTheRowsDoesNotMatter([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string rule)
    {
        float[][] rows = SampleRows.Honest(11, 53, 3);
        double[] expected = Array.ConvertAll(SampleRows.Aggregate(rule, 2, rows), x => (double)x);
        for (ulong seed = 0; seed < 20; seed++)
        {
            new SeededRandom(seed).Shuffle(rows.AsSpan());
            Comparisons.Within(expected, SampleRows.Aggregate(rule, 2, rows), 2e-5, $"{rule}, shuffle {seed}");
        }
    }

    [Test]
    public void EqualRowsAreTheResult([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string rule)
    {
        float[] row = rule == "sign-majority" ? [1, -1, 0] : [0.5f, -3, 1e-20f];
        Assert.That(SampleRows.Aggregate(rule, 1, [.. Enumerable.Repeat(row, 7)]), Is.EqualTo(row));
    }

    [Test]
    public void OutliersOfAnySizeAreBounded([ValueSource(nameof(Robust))] string rule, [Values(1e2f, 1e4f, 1e6f, 1e12f, 1e30f, float.MaxValue, float.PositiveInfinity, float.NaN)] float size, [Values] bool agree)
    {
        const int n = 11, f = 2, width = 40;
        float[][] rows = SampleRows.Honest(n, width, 9);
        foreach (int bad in new[] { 0, 6 })
            for (int j = 0; j < width; j++)
                rows[bad][j] = agree || bad == 0 ? -size : size;
        float[][] honest = [.. rows.Where((_, i) => i is not (0 or 6))];
        float[] found = SampleRows.Aggregate(rule, f, rows);
        for (int j = 0; j < width; j++)
        {
            float low = honest.Min(row => row[j]), high = honest.Max(row => row[j]);
            Assert.That(found[j], Is.InRange(low - 0.05f, high + 0.05f), $"{rule}: [{j}] left what honest rows span");
        }
    }

    [Test]
    public void ANaNThatMostRowsHaveShows()
        => Assert.That(SampleRows.Aggregate("geometric-median", 0, [float.NaN, 1], [1, 2], [float.NaN, 6]), Is.EqualTo(new[] { float.NaN, 3 }));

    [Test]
    public void TooFewRowsAreRefusedWithTheNumbers()
    {
        Assert.That(() => SampleRows.Aggregate("krum", 2, SampleRows.Honest(6, 3, 1)), Throws.ArgumentException.With.Message.Contains("krum(f=2) needs 2f+3 = 7 rows for f = 2; there are 6."));
        Assert.That(() => SampleRows.Aggregate("multi-krum", 1, SampleRows.Honest(4, 3, 1)), Throws.ArgumentException.With.Message.Contains("2f+3 = 5 rows for f = 1; there are 4."));
        Assert.That(() => SampleRows.Aggregate("multi-krum(select=9)", 1, SampleRows.Honest(8, 3, 1)), Throws.ArgumentException.With.Message.Contains("9 rows to select as many; there are 8."));
        Assert.That(() => SampleRows.Aggregate("multi-krum(select=5)", 1, SampleRows.Honest(4, 3, 1)), Throws.ArgumentException.With.Message.Contains("2f+3 = 5 rows for f = 1; there are 4."));
        Assert.That(() => SampleRows.Aggregate("multi-krum(select=5)", 2, SampleRows.Honest(6, 3, 1)), Throws.ArgumentException.With.Message.Contains("2f+3 = 7 rows for f = 2; there are 6."));
        Assert.That(() => SampleRows.Aggregate("bulyan", 3, SampleRows.Honest(14, 3, 1)), Throws.ArgumentException.With.Message.Contains("4f+3 = 15 rows for f = 3; there are 14."));
    }

    [TestCase(1, 0, "demanding needs 1 row; there are 0.")]
    [TestCase(3, 2, "demanding needs 3 rows; there are 2.")]
    public void ARuleThatSaysNoMoreNeedsSoManyRows(int needed, int rows, string message)
    {
        using var device = new CpuDevice(1);
        using var rule = new DemandingRule(needed);
        using DeviceBuffer memory = device.Allocate(4);
        Assert.That(() => rule.Aggregate(device, new Rows(memory.All, new long[rows], 1), memory.All), Throws.ArgumentException.With.Message.Contains(message));
    }

    [Test]
    public void TheSecondCallAllocatesNothing([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string name)
    {
        using var device = new CpuDevice(2);
        using var rule = AggregationRule.Parse(name, 1);
        using DeviceBuffer memory = device.Allocate(9 * 20000), output = device.Allocate(20000);
        device.Write(SampleRows.Values(9 * 20000, 1, false), memory.All);
        long[] offsets = new long[9];
        for (int i = 0; i < 3; i++) rule.Aggregate(device, Rows.Regular(memory.All, 20000, 20000, offsets), output.All);
        long before = GC.GetAllocatedBytesForCurrentThread();
        rule.Aggregate(device, Rows.Regular(memory.All, 20000, 20000, offsets), output.All);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void ARuleThatHasSeenOtherRowsGivesWhatANewOneDoes([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string name)
    {
        using var device = new CpuDevice(1);
        using var rule = AggregationRule.Parse(name, 1);
        foreach ((int n, ulong seed) in new[] { (9, 1ul), (7, 2ul), (9, 3ul), (11, 4ul), (8, 5ul) })
        {
            float[][] rows = SampleRows.Honest(n, 13, seed);
            Comparisons.BitEqual(SampleRows.Aggregate(name, 1, rows), SampleRows.Aggregate(device, rule, rows), $"{name}, {n} rows");
        }
    }

    private static double Distance(float[] x, float[] y) => x.Zip(y, (a, b) => ((double)a - b) * ((double)a - b)).Sum();

    private static double[] PlainMean(float[][] rows)
        => [.. Enumerable.Range(0, rows[0].Length).Select(j => rows.Average(row => (double)row[j]))];

    /// <summary>The rows among those given, best first.</summary>
    private static int[] PlainKrum(float[][] rows, int[] among, int nearest)
    {
        IOrderedEnumerable<int> order = among.OrderBy(i => Distances(i).Take(nearest).Sum());
        for (int k = nearest; k < among.Length - 1; k++)
        {
            int next = k;
            order = order.ThenBy(i => Distances(i)[next]);
        }

        return [.. order];

        double[] Distances(int i) => [.. among.Where(j => j != i).Select(j => Distance(rows[i], rows[j])).Order()];
    }

    private static double[] PlainBulyan(float[][] rows, int f)
    {
        int n = rows.Length;
        List<int> left = [.. Enumerable.Range(0, n)], selected = [];
        while (selected.Count < n - (2 * f))
        {
            int best = PlainKrum(rows, [.. left], Math.Max(left.Count - f - 2, 1))[0];
            selected.Add(best);
            left.Remove(best);
        }

        return [.. Enumerable.Range(0, rows[0].Length).Select(j =>
        {
            double[] column = [.. selected.Select(i => (double)rows[i][j]).Order()];
            double median = (column[(column.Length - 1) / 2] + column[column.Length / 2]) / 2;
            return column.OrderBy(x => Math.Abs(x - median)).Take(n - (4 * f)).Average();
        })];
    }

    private static double[] PlainGeometricMedian(float[][] rows)
    {
        double[] z = PlainMean(rows);
        for (int iteration = 0; iteration < 20000; iteration++)
        {
            double[] weights = [.. rows.Select(row => 1 / Math.Max(Math.Sqrt(row.Zip(z, (a, b) => (a - b) * (a - b)).Sum()), 1e-12))];
            double sum = weights.Sum();
            z = [.. z.Select((_, j) => rows.Select((row, i) => row[j] * weights[i]).Sum() / sum)];
        }

        return z;
    }

    private sealed class DemandingRule(int rows) : AggregationRule
    {
        public override string Name => "demanding";

        public override int RowsNeeded => rows;

        protected override void Reduce(Device device, Rows rows, View output) => Assert.Fail("there are too few rows");
    }
}

using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Tests.Aggregation;

/// <summary>The rules on cases worked out by hand, and against plain implementations in double.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class RuleTests
{
    private static readonly string[] Robust = ["median", "geometric-median", "krum", "multi-krum", "bulyan"];

    /// <summary>The last of bulyan's choices are among so few that two are each other's nearest, and the first is taken; monna names a row; signguard's clusters may be equally large.</summary>
    private static readonly string[] OrderDoesNotMatter = [.. AggregationRule.Names.Except(["bulyan", "monna", "signguard"])];

    /// <summary>The rules whose eigenvalues come from a library, which takes n x n matrices for them.</summary>
    private static readonly string[] Spectral = ["caf", "smea", "dnc"];

    private static readonly float[][] Column = [[1], [2], [3], [5], [100]];

    [TestCase("mean", 0, 22.2f)]
    [TestCase("median", 0, 3f)]
    // Scores over 5-1-2 = 2 nearest: 1: 1+4, 2: 1+1, 3: 1+4, 5: 4+9, 100: much.
    [TestCase("krum", 1, 2f)]
    // The best two; 1 and 3 tie, and 1 comes first.
    [TestCase("multi-krum", 1, 1.5f)]
    [TestCase("krum(neighbours=1)", 1, 1f)]
    [TestCase("multi-krum(neighbours=3,select=2)", 1, 2.5f)]
    [TestCase("trimmed-mean", 1, 10 / 3f)]
    [TestCase("trimmed-mean", 2, 3f)]
    // Nearest to 3 are 1, 2, 3 and 5.
    [TestCase("meamed", 1, 2.75f)]
    // Nearest to 10/3 are 3, 2 and 5 (by 1 2/3), then 1.
    [TestCase("phocas(f=2)", 0, 2f)]
    [TestCase("phocas", 1, 2.75f)]
    [TestCase("mda", 2, 2f)]
    [TestCase("mda", 1, 2.75f)]
    [TestCase("monna", 2, 2f)]
    [TestCase("monna(reference=3)", 2, 10 / 3f)]
    [TestCase("monna(reference=4)", 4, 100f)]
    [TestCase("cge", 1, 2.75f)]
    [TestCase("smea", 1, 2.75f)]
    [TestCase("dnc", 1, 2.75f)]
    [TestCase("centered-clipping(tau=1)", 0, 1f)]
    [TestCase("centered-clipping(tau=1,m=3)", 0, 3f)]
    [TestCase("multi-krum(select=3)", 1, 2f)]
    [TestCase("sign-majority", 0, 1f)]
    public void OneColumnByHand(string rule, int f, float expected)
        => Assert.That(SampleRows.Aggregate(rule, f, Column), Is.EqualTo(new[] { expected }));

    [Test]
    public void MedianOfAnEvenNumberIsTheMeanOfTheMiddles()
        => Assert.That(SampleRows.Aggregate("median", 0, [4, 1], [1, -3], [2, 7], [9, 1]), Is.EqualTo(new[] { 3f, 1f }));

    [Test]
    public void OfEqualScoresKrumTakesTheFirst()
    {
        Assert.That(SampleRows.Aggregate("krum", 0, [0, 0, 1], [0, 1, 0], [1, 0, 0]), Is.EqualTo(new[] { 0f, 0f, 1f }));

        // Among five rows two neighbours count: 2 + 8 of (3, 0), 5 + 5 of (1, 2).
        Assert.That(SampleRows.Aggregate("krum", 1, [0, 4], [4, 1], [3, 0], [0, 0], [1, 2]), Is.EqualTo(new[] { 3f, 0f }));
    }

    [Test]
    public void BulyanByHand()
    {
        // n = 7, f = 1, four neighbours, then three, two, one: Krum takes 10.5 (1.5 + 1.5 squared, ...), 10, 11, 9 and, of 0, 12 and 1000, the first. Nearest to the median 10 are 9, 10 and 10.5.
        float[][] rows = [[0], [10], [11], [9], [10.5f], [12], [1000]];
        Assert.That(PlainBulyan(rows, 1), Is.EqualTo(new[] { 59 / 6.0 }).Within(1e-12));
        Assert.That(SampleRows.Aggregate("bulyan", 1, rows), Is.EqualTo(new[] { (float)(59 / 6.0) }));
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

    /// <summary>From 0.5, the mean of 0 and 1, the weights of 0, 1 and 5 become as 2, 2 and 2/9: that of 5, which was 0, changes by its whole; then none by more than 0.89 of itself.</summary>
    [TestCase("geometric-median(iterations=1)", 14 / 19.0)]
    [TestCase("geometric-median(tolerance=1)", 14 / 19.0)]
    [TestCase("geometric-median(tolerance=0.9)", 1484 / 1609.0)]
    [TestCase("geometric-median(iterations=2)", 1484 / 1609.0)]
    [TestCase("geometric-median", 1)]
    public void GeometricMedianStopsAfterSoManyIterationsOrWhereTheWeightsStand(string rule, double expected)
        => Comparisons.Within([expected], SampleRows.Aggregate(rule, 0, [0], [1], [5]), 1e-4, rule);

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
    public void TheOrderOfTheRowsDoesNotMatter([ValueSource(nameof(OrderDoesNotMatter))] string rule)
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
        Assert.That(Problem("krum", 2, 6), Is.EqualTo("krum(f=2) needs 2f+3 = 7 rows for f = 2; there are 6 winners"));
        Assert.That(Problem("krum(neighbours=9)", 2, 9), Is.EqualTo("krum(f=2,neighbours=9) needs 10 rows for 9 neighbours; there are 9 winners"));
        Assert.That(Problem("multi-krum", 1, 4), Does.Contain("2f+3 = 5 rows for f = 1; there are 4"));
        Assert.That(Problem("multi-krum(select=9)", 1, 8), Does.Contain("9 rows to select as many; there are 8"));
        Assert.That(Problem("multi-krum(select=5)", 1, 4), Does.Contain("2f+3 = 5 rows for f = 1; there are 4"));
        Assert.That(Problem("multi-krum(select=5)", 2, 6), Does.Contain("2f+3 = 7 rows for f = 2; there are 6"));
        Assert.That(Problem("bulyan", 3, 14), Does.Contain("4f+3 = 15 rows for f = 3; there are 14"));
        Assert.That(Problem("monna(reference=9)", 1, 9), Does.Contain("10 rows to have one of the number 9; there are 9"));
        Assert.That(Problem("dnc(c=3)", 2, 6), Does.Contain("7 rows to drop 6 of them; there are 6"));
        foreach (string rule in (string[])["trimmed-mean", "meamed", "phocas", "mda", "cge", "caf", "smea"])
            Assert.That(Problem(rule, 3, 6), Does.Contain("2f+1 = 7 rows for f = 3; there are 6"), rule);

        static string? Problem(string rule, int f, int rows)
        {
            using AggregationRule mean = AggregationRule.Parse("mean", f), across = AggregationRule.Parse(rule, f);
            return BucketedAggregation.Problem(mean, across, 0, rows);
        }
    }

    [TestCase(1, 0, "demanding can make nothing of 0 rows; it takes at least 1.")]
    [TestCase(3, 1, "demanding can make nothing of 1 row; it takes at least 3.")]
    public void OfFewerRowsNothingIsMade(int needed, int rows, string message)
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
        const int most = 100 * 9 * 9 * sizeof(double);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThanOrEqualTo(Spectral.Contains(name) ? most : 0));
    }

    /// <summary>On a device of its own.</summary>
    [Test]
    public void ARuleThatHasSeenOtherRowsGivesWhatANewOneDoesThatIsGivenWhatItKept([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string name)
    {
        const int width = 13;
        using var device = new CpuDevice(1);
        using var rule = AggregationRule.Parse(name, 1);
        foreach ((int n, ulong seed) in new[] { (9, 1ul), (7, 2ul), (9, 3ul), (11, 4ul), (8, 5ul) })
        {
            float[][] rows = SampleRows.Honest(n, width, seed);
            using var other = new CpuDevice(2);
            using var fresh = AggregationRule.Parse(name, 1);
            foreach (((string Name, View Values) kept, (string Name, View Values) given) in rule.Kept(device, width).Zip(fresh.Kept(other, width)))
            {
                float[] values = new float[width];
                device.Read(kept.Values, values);
                other.Write(values, given.Values);
            }

            Comparisons.BitEqual(SampleRows.Aggregate(other, fresh, rows), SampleRows.Aggregate(device, rule, rows), $"{name}, {n} rows");
        }
    }

    [Test]
    public void OnlyCenteredClippingKeepsAnything()
    {
        using var device = new CpuDevice(1);
        foreach (string name in AggregationRule.Names)
        {
            using var rule = AggregationRule.Parse(["nnm"], name, 1);
            Assert.That(rule.Kept(device, 5).Select(kept => (kept.Name, kept.Values.Length)), Is.EqualTo(name == "centered-clipping" ? [("centre", 5L)] : Array.Empty<(string, long)>()), name);
        }
    }

    [Test]
    public void BeforeItsFirstRowsACentreIsWhereItStarts()
    {
        using var device = new CpuDevice(1);
        using var rule = AggregationRule.Parse("centered-clipping(m=0.25)", 0);
        float[] centre = new float[3];
        device.Read(rule.Kept(device, 3)[0].Values, centre);
        Assert.That(centre, Is.All.EqualTo(0.25f));
    }

    private static double Distance(float[] x, float[] y) => x.Zip(y, (a, b) => ((double)a - b) * ((double)a - b)).Sum();

    private static double[] PlainMean(float[][] rows)
        => [.. Enumerable.Range(0, rows[0].Length).Select(j => rows.Average(row => (double)row[j]))];

    /// <summary>The rows among those given, best first; of equal scores the first.</summary>
    private static int[] PlainKrum(float[][] rows, int[] among, int nearest)
        => [.. among.OrderBy(i => among.Where(j => j != i).Select(j => Distance(rows[i], rows[j])).Order().Take(nearest).Sum())];

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

        public override int RowsComputable => rows;

        public override RuleWork Work(int rows, long width) => default;

        protected internal override void Reduce(Vectors vectors, View output) => Assert.Fail("there are too few rows");
    }
}

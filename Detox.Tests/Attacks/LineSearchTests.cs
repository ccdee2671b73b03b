using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi;
using Detox.Mpi.Attacks;
using Detox.Tests.Aggregation;

namespace Detox.Tests.Attacks;

/// <summary>The attacks that look for the factor which hurts a rule most.</summary>
internal sealed class LineSearchTests
{
    private static readonly (string Name, Func<double, double> Function)[] _functions =
    [
        ("rising", x => x),
        ("falling", x => -x),
        ("flat", _ => 1),
        ("peak at 3", x => -Math.Abs(x - 3)),
        ("peak at 25", x => -Math.Pow(x - 25, 2)),
        ("peak at 0.1", x => -Math.Abs(x - 0.1)),
        ("cut off at 40", x => x < 40 ? x : 0),
        ("waves", Math.Sin),
        ("not a number beyond 50", x => x < 50 ? x : double.NaN),
        ("never a number", _ => double.NaN),
        ("infinite beyond 50", x => x < 50 ? x : double.PositiveInfinity),
        ("impossible beyond 50", x => x < 50 ? x : double.NegativeInfinity),
    ];

    private static readonly (string Rule, Func<double[][], int, double[]> Plain)[] _rules =
    [
        ("mean", (rows, _) => Columns(rows, column => column.Average())),
        ("median", (rows, _) => Columns(rows, Median)),
        ("trimmed-mean", (rows, f) => Columns(rows, column => column.Order().Skip(f).SkipLast(f).Average())),
        ("krum", Krum),
    ];

    private static IEnumerable<TestCaseData> Functions() => _functions.Select(named => new TestCaseData(named.Function).SetArgDisplayNames(named.Name));

    private static IEnumerable<TestCaseData> PlainCases()
        => from rule in _rules
           from rows in (string[])["9 rows", "15 rows", "of all signs", "ties"]
           from scale in (float[])[1, 1e10f, 1e-10f]
           from attack in (string[])["opt-ipm", "opt-alie", "opt-alie(ddof=1)"]
           select new TestCaseData(attack, rule.Rule, rule.Plain, HonestRows.Scaled(HonestRows.All[rows], scale)).SetArgDisplayNames(attack, rule.Rule, $"{rows} times {scale}");

    [TestCaseSource(nameof(Functions))]
    public void TheSearchTriesWhatItsDescriptionSays(Func<double, double> function)
    {
        List<double> tried = [];
        double best = LineSearch.Maximise(x =>
        {
            tried.Add(x);
            return function(x);
        });
        (double expected, List<double> expectedlyTried) = PlainAttacks.LineMaximise(function);
        Assert.That(tried, Is.EqualTo(expectedlyTried));
        Assert.That(best, Is.EqualTo(expected));
        Assert.That(tried, Has.Count.EqualTo(LineSearch.Evaluations).And.All.GreaterThanOrEqualTo(0));
    }

    [Test]
    public void ItGoesOnByTenAndTwiceAsFarWhileThatGetsBetter()
    {
        List<double> tried = [];
        LineSearch.Maximise(x =>
        {
            tried.Add(x);
            return x < 60 ? x : -x;
        });
        Assert.That(tried[..7], Is.EqualTo(new[] { 0, 10, 30, 70, 38, 12.4, 32.88 }).Within(1e-9), "0.8 of 40 back; 0.8 of that back again from the best so far; on from below it");
    }

    [TestCaseSource(nameof(PlainCases))]
    public void ItIsWhatAPlainSearchAgainstAPlainRuleSends(string attack, string rule, Func<double[][], int, double[]> plain, float[][] rows)
    {
        const int f = 2;
        bool isIpm = attack == "opt-ipm";
        double[] mean = PlainAttacks.Mean(rows), origin = isIpm ? new double[mean.Length] : mean;
        double[] direction = isIpm ? PlainAttacks.Ipm(rows, 1) : PlainAttacks.Deviation(rows, attack.EndsWith("1)", StringComparison.Ordinal) ? 1 : 0);
        (double factor, _) = PlainAttacks.LineMaximise(x => PlainAttacks.Damage(rows, PlainAttacks.Along(origin, x, direction), f, all => plain(all, f)));
        double[] expected = PlainAttacks.Along(origin, factor, direction);
        float[] found = Attack.Parse(attack).Send(rows, f, Rule(rule, f));
        for (int j = 0; j < found.Length; j++) Comparisons.Within(expected[j], found[j], 2e-6 * Math.Abs(expected[j]), $"factor {factor}, at {j}");
    }

    /// <summary>Every rule there is, alone and behind each pre-rule: nothing that the search tried hurts more.</summary>
    [Test]
    public void NoFactorThatWasTriedHurtsMore([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string rule, [Values("", "nnm", "bucketing", "clipping", "arc")] string pre)
    {
        const int f = 2;
        float[][] rows = SampleRows.Honest(15, 40, 12);
        KnownRule known = new(() => AggregationRule.Parse(pre.Length == 0 ? [] : [pre], rule, f));
        foreach ((string attack, Func<double, double[]> at) in new (string, Func<double, double[]>)[]
        {
            ("opt-ipm", x => PlainAttacks.Ipm(rows, x)),
            ("opt-alie", x => PlainAttacks.Alie(rows, x)),
        })
        {
            double Damage(float[] forged)
            {
                using CpuDevice device = new(1);
                using AggregationRule fresh = AggregationRule.Parse(pre.Length == 0 ? [] : [pre], rule, f);
                float[] result = SeededAggregate(device, fresh, [.. rows, .. Enumerable.Repeat(forged, f)]);
                return Math.Sqrt(result.Zip(PlainAttacks.Mean(rows), (x, y) => (x - y) * (x - y)).Sum());
            }

            float[] Forged(double x) => Array.ConvertAll(at(x), y => (float)y);
            double found = Damage(Attack.Parse(attack).Send(rows, f, known));
            (_, List<double> tried) = PlainAttacks.LineMaximise(x => Damage(Forged(x)));
            foreach (double x in tried) Assert.That(found, Is.GreaterThanOrEqualTo(Damage(Forged(x)) * (1 - 1e-5)), $"{attack} at {x}");
        }
    }

    [Test]
    public void TheBucketsAreKnownToo()
    {
        float[][] rows = SampleRows.Honest(13, 40, 12);
        KnownRule oneBucket = new(() => AggregationRule.Parse("median", 2)) { Within = () => AggregationRule.Parse("mean", 2), Buckets = 1 };
        float[] found = Attack.Parse("opt-alie").Send(rows, 2, oneBucket);
        Comparisons.BitEqual(Attack.Parse("opt-alie").Send(rows, 2, Rule("mean", 2)), found, "of one bucket the median is its mean");
        Assert.That(found, Is.Not.EqualTo(Attack.Parse("opt-alie").Send(rows, 2, Rule("median", 2))));
        Assert.That(oneBucket.Problem(15), Is.Null);
        Assert.That(new KnownRule(() => AggregationRule.Parse("krum", 2)) { Buckets = 5 }.Problem(15), Does.Contain("krum(f=2) needs 2f+3 = 7 rows for f = 2; there are 5 buckets"));
    }

    [Test]
    public void ARuleThatCanMakeNothingOfTheRowsIsAnError()
    {
        Assert.That(() => Attack.Parse("opt-ipm").Send([[1], [2]], 0, Rule("monna(reference=5)", 0)),
            Throws.TypeOf<DetoxException>().With.Message.Contains("takes at least 6 vectors, and there would be 2"));
    }

    /// <summary>Copies are none: whatever they are hurts nobody, and no factor beats 0.</summary>
    [Test]
    public void WhereNoCopyReachesTheRuleTheFactorIsZero()
    {
        float[][] rows = SampleRows.Honest(5, 6, 1);
        Assert.That(Attack.Parse("opt-ipm").Send(rows, 0, Rule("median", 0)), Is.All.Zero);
        Comparisons.BitEqual(Array.ConvertAll(PlainAttacks.Mean(rows), x => (float)x), Attack.Parse("opt-alie").Send(rows, 0, Rule("median", 0)), "the mean");
    }

    private static KnownRule Rule(string rule, int f) => new(() => AggregationRule.Parse(rule, f));

    private static double[] Columns(double[][] rows, Func<double[], double> of)
        => [.. Enumerable.Range(0, rows[0].Length).Select(j => of([.. rows.Select(row => row[j])]))];

    private static double Median(double[] column)
    {
        double[] sorted = [.. column.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double[] Krum(double[][] rows, int f)
    {
        // The smallest distance is a row's own.
        double Score(double[] x) => rows.Select(y => x.Zip(y, (a, b) => (a - b) * (a - b)).Sum()).Order().Skip(1).Take(rows.Length - f - 2).Sum();
        return rows.MinBy(Score)!;
    }

    /// <summary>The dice are those of the search.</summary>
    private static float[] SeededAggregate(CpuDevice device, AggregationRule rule, float[][] rows)
    {
        ulong seed = new AttackContext(1, 0, 0).Shared.NextBits();
        using Gpu.Devices.DeviceBuffer memory = device.Allocate((long)rows.Length * rows[0].Length), output = device.Allocate(rows[0].Length);
        for (int i = 0; i < rows.Length; i++) device.Write(rows[i], memory.All.Slice((long)i * rows[0].Length, rows[0].Length));
        rule.Aggregate(device, Gpu.Devices.Rows.Regular(memory.All, rows[0].Length, rows[0].Length, new long[rows.Length]), output.All, seed);
        float[] result = new float[rows[0].Length];
        device.Read(output.All, result);
        return result;
    }
}

using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices.Cpu;
using Detox.Tests.Aggregation.Robustness;

namespace Detox.Tests.Aggregation.Plain;

/// <summary>Every rule, behind every pre-rule and some chains of them, against its plain implementation.</summary>
[Parallelizable(ParallelScope.Self)]
public sealed class PlainRulesTests
{
    /// <summary>Of the size of the rows that matter. Distances and sums are float32; what passes through eigenvectors, or many steps, adds to that.</summary>
    private const double Tolerance = 2e-4;

    /// <summary>A decision that float32 distances may well turn round: then one result is as right as the other, and the case is not compared.</summary>
    private const double ClosestDecision = 1e-4;

    /// <summary>Of the cases of each test at least so many must be comparable. Rows that clipping has made equally long leave cge little to decide by.</summary>
    private const double LeastShareCompared = 0.15;

    private static readonly string[] _rules =
    [
        .. AggregationRule.Names, "krum(neighbours=2)", "multi-krum(select=2)", "multi-krum(neighbours=1,select=3)", "monna(reference=1)", "geometric-median(nu=0.1)", "geometric-median(nu=0.5,iterations=1)",
        "huber(T=0.1)", "centered-clipping(tau=0.5,m=0.25,iterations=3)", "dnc(dimensions=4,rounds=3)", "dnc(c=0.5)",
    ];

    /// <summary>Rules of which f rows of any kind are no part, by what is proven of them; see <see cref="Promise"/>.</summary>
    private static readonly string[] _promise = [.. Promise.All.Select(promise => promise.Rule).Distinct()];

    /// <summary>Without those whose parameters are lengths, or whose result has none.</summary>
    private static readonly string[] _sizeless = [.. AggregationRule.Names.Except(["huber", "centered-clipping", "sign-majority"])];

    private static readonly string[][] _before =
    [
        [], ["nnm"], ["bucketing"], ["bucketing(s=3)"], ["clipping"], ["clipping(c=0.1)"], ["arc"], ["clipping", "nnm"], ["arc", "nnm"], ["nnm", "bucketing"], ["nnm", "arc"], ["nnm", "nnm"], ["bucketing", "clipping"],
    ];

    [Test]
    public void EveryRuleHasAPlainImplementation()
    {
        Assert.That(PlainRules.Rules, Is.EquivalentTo(AggregationRule.Names));
        Assert.That(PlainRules.PreRules, Is.EquivalentTo(PreRule.Known.Names));
    }

    [Test]
    public void EqualsItsPlainImplementation([ValueSource(nameof(_before))] string[] before, [ValueSource(nameof(_rules))] string rule)
    {
        using CpuDevice device = new(1);
        List<string> differences = [];
        int cases = 0, compared = 0;

        // One rule for all matrices of an f, as one serves all steps; but for the one that remembers.
        Dictionary<int, AggregationRule> rules = [];
        foreach (SampleMatrix matrix in SampleMatrix.All)
        {
            if (rule.StartsWith("centered-clipping", StringComparison.Ordinal) && rules.Remove(matrix.F, out AggregationRule? last)) last.Dispose();
            if (!rules.TryGetValue(matrix.F, out AggregationRule? ours)) rules.Add(matrix.F, ours = AggregationRule.Parse(before, rule, matrix.F));
            int left = before.Aggregate(matrix.Rows.Length, (count, pre) => PreRule.Parse(pre, matrix.F).CountAfter(count));
            if (matrix.Rows.Length < ours.RowsComputable || (matrix.IsBeyondFinite && left <= 2 * matrix.F)) continue;
            cases++;
            PlainRules plain = new(matrix.F, mayTie: matrix.MayTie);
            double[] expected = plain.Aggregate(before, rule, matrix.Rows);
            float[] found = SampleRows.Aggregate(device, ours, matrix.Rows);
            if (plain.Margin < ClosestDecision) continue;
            compared++;
            // Centered clipping begins at m, of whatever size the rows are.
            double size = left <= 2 * matrix.F ? matrix.Largest : matrix.Size;
            if (rule.StartsWith("centered-clipping(", StringComparison.Ordinal)) size = Math.Max(size, 1);
            double tolerance = Tolerance * Math.Max(size, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());
            for (int j = 0; j < found.Length; j++)
            {
                if (double.IsFinite(expected[j]) ? Math.Abs(expected[j] - found[j]) <= tolerance : !float.IsFinite(found[j])) continue;
                differences.Add($"{matrix.Name} ({matrix.Rows.Length} rows of {found.Length}, f = {matrix.F}), at {j}: expected {expected[j]:R} within {tolerance:G3}, found {found[j]:R}; margin {plain.Margin:G3}");
                break;
            }
        }

        foreach (AggregationRule used in rules.Values) used.Dispose();
        Assert.That(differences, Is.Empty, $"{differences.Count} of {compared} differ");
        Assert.That(compared, Is.GreaterThanOrEqualTo(LeastShareCompared * cases).And.Positive, $"of {cases} cases");
    }

    /// <summary>They lie between the honest rows, and the origin where clipping moves rows there.</summary>
    [Test]
    public void RowsThatAreNotFiniteDoNotReachTheResult([ValueSource(nameof(_before))] string[] before, [ValueSource(nameof(_promise))] string rule)
    {
        const int n = 22, width = 6;
        using CpuDevice device = new(1);
        bool clips = before.Any(pre => pre.StartsWith("clipping", StringComparison.Ordinal) || pre == "arc");
        int buckets = before.Aggregate(n, (count, pre) => PreRule.Parse(pre, 0).CountAfter(count)), f = buckets == n ? 4 : 1;
        using var ours = AggregationRule.Parse(before, rule, f);
        Assert.That(n, Is.GreaterThanOrEqualTo(ours.RowsNeeded));
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e20f, -1e38f])
        {
            foreach (bool isWhole in (bool[])[false, true])
            {
                float[][] rows = SampleRows.Honest(n, width, 5), honest = rows[f..];
                foreach (float[] row in rows[..f]) row.AsSpan(isWhole ? 0 : 3, isWhole ? width : 1).Fill(bad);

                // The first row is honest: monna takes its own.
                float[] found = SampleRows.Aggregate(device, ours, [.. honest[..5], .. rows[..f], .. honest[5..]]);
                for (int j = 0; j < width; j++)
                {
                    float low = Math.Min(honest.Min(row => row[j]), clips ? 0 : float.MaxValue), high = Math.Max(honest.Max(row => row[j]), clips ? 0 : float.MinValue);
                    Assert.That(found[j], Is.InRange(low - 1e-5f, high + 1e-5f), $"{bad} in {(isWhole ? "all" : "one")} of {f} rows, at {j}");
                }
            }
        }
    }

    /// <summary>Squares of differences are float32: rows may be a hundred million million times smaller or larger than 1.</summary>
    [Test]
    public void TheSizeOfTheRowsDoesNotMatter([ValueSource(nameof(_sizeless))] string rule, [Values(1e-16f, 1e-14f, 1e14f, 1e17f)] float size)
    {
        float[][] rows = SampleRows.Honest(11, 20, 6);
        for (int j = 0; j < 20; j++) rows[4][j] *= -30;
        float[] expected = SampleRows.Aggregate(rule, 2, rows), found = SampleRows.Aggregate(rule, 2, [.. rows.Select(row => Array.ConvertAll(row, x => x * size))]);
        Comparisons.Within(Array.ConvertAll(expected, x => (double)x), Array.ConvertAll(found, x => x / size), 1e-4, rule);
    }

    [Test]
    public void CenteredClippingKeepsItsCentre()
    {
        const string rule = "centered-clipping(tau=0.5,iterations=2,m=0.1)";
        using CpuDevice device = new(1);
        using var ours = AggregationRule.Parse(rule, 0);
        PlainRules plain = new(0);
        for (ulong seed = 1; seed <= 5; seed++)
        {
            float[][] rows = SampleRows.Honest(9, 12, seed);
            if (seed == 3) rows[2][1] = 1e9f;
            if (seed == 4) rows[2][1] = float.NaN;
            Comparisons.Within(plain.Aggregate([], rule, rows), SampleRows.Aggregate(device, ours, rows), 1e-5, $"step {seed}");
        }
    }
}

using System.Text;
using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Tables;

namespace Detox.Tests.Aggregation.Plain;

/// <summary>Every rule and pre-rule a second time, from what its documentation says: in double, on whole matrices. A pre-rule makes another matrix, and distances are measured on it.</summary>
/// <remarks>With the rules it shares their names, parameters and seeded draws, no arithmetic. One that keeps a state from call to call keeps it here, too.</remarks>
/// <param name="f">For those that are given none.</param>
/// <param name="mayTie">Whether values repeat, so that what is decided may tie by chance.</param>
internal sealed partial class PlainRules(int f, ulong seed = 0, bool mayTie = true)
{
    private static readonly Dictionary<string, Func<PlainRules, Call, double[][], double[]>> _rules = new()
    {
        ["mean"] = (_, _, rows) => Mean(rows),
        ["median"] = (_, _, rows) => Columns(rows, Median),
        ["trimmed-mean"] = (plain, call, rows) => Columns(rows, column => TrimmedMean(column, plain.F(call))),
        ["meamed"] = (plain, call, rows) => Columns(rows, column => plain.MeanAround(column, Median(column), rows.Length - plain.F(call))),
        ["phocas"] = (plain, call, rows) => Columns(rows, column => plain.MeanAround(column, TrimmedMean(column, plain.F(call)), rows.Length - plain.F(call))),
        ["geometric-median"] = (plain, call, rows) => call.Has("nu")
            ? SmoothedMedian(rows, call.Double("nu"), call.Int("iterations", 1, 3)) : plain.GeometricMedian(rows, call.Int("iterations", 1, 1000), call.Double("tolerance")),
        ["huber"] = (plain, call, rows) => plain.Huber(rows, call.Double("T"), call.Int("iterations", 1)),
        ["centered-clipping"] = (plain, call, rows) => plain.CenteredClipping(rows, call.Float("m"), call.Int("iterations", 1), call.Double("tau")),
        ["krum"] = (plain, call, rows) => plain.MultiKrum(rows, plain.Neighbours(call, rows), 1),
        ["multi-krum"] = (plain, call, rows) => plain.MultiKrum(rows, plain.Neighbours(call, rows), call.Int("select", 1, rows.Length - plain.F(call) - 2)),
        ["bulyan"] = (plain, call, rows) => plain.Bulyan(rows, plain.F(call)),
        ["mda"] = (plain, call, rows) => plain.LeastDiameter(rows, rows.Length - plain.F(call)),
        ["monna"] = (plain, call, rows) => plain.MeanOfLeast(rows, plain.Around(rows, call.Int("reference", 0)), rows.Length - plain.F(call)),
        ["cge"] = (plain, call, rows) => plain.MeanOfLeast(rows, [.. rows.Select(SquaredNorm)], rows.Length - plain.F(call)),
        ["caf"] = (plain, call, rows) => plain.Caf(rows, plain.F(call)),
        ["smea"] = (plain, call, rows) => plain.LeastEigenvalue(rows, rows.Length - plain.F(call)),
        ["dnc"] = (plain, call, rows) => plain.Dnc(rows, call.Int("dimensions", 1), call.Int("rounds", 1), (int)(call.Double("c") * plain.F(call))),
        ["signguard"] = (plain, _, rows) => plain.SignGuard(rows),
        ["sign-majority"] = (plain, _, rows) => Columns(rows, plain.SignMajority),
    };

    private static readonly Dictionary<string, Func<PlainRules, Call, double[][], double[][]>> _preRules = new()
    {
        ["nnm"] = (plain, call, rows) => [.. rows.Select((_, i) => plain.MeanOfLeast(rows, plain.Around(rows, i), rows.Length - plain.F(call)))],
        ["bucketing"] = (plain, call, rows) => plain.Buckets(rows, call.Int("s", 1)),
        ["clipping"] = (_, call, rows) => [.. rows.Select(row => Clipped(row, call.Double("c")))],
        ["arc"] = (plain, call, rows) => AdaptivelyClipped(rows, plain.F(call)),
    };

    private readonly ulong _seed = seed;
    private double[]? _centre;
    private bool _areKeysExact;

    public static IEnumerable<string> Rules => _rules.Keys;

    public static IEnumerable<string> PreRules => _preRules.Keys;

    /// <summary>By what part the closest of all decisions could have been missed: the gap between what was chosen and what was not, over the larger of both. Of equal ones the first is chosen, everywhere where they come out equal.
    /// Values that tie by chance need not do so behind a pre-rule, or along eigenvectors: then the margin is 0. Rows that are each other's nearest do.</summary>
    public double Margin { get; private set; } = 1;

    public double[] Aggregate(IEnumerable<string> before, string rule, float[][] rows)
    {
        double[][] matrix = [.. rows.Select(row => Array.ConvertAll(row, x => (double)x))];
        foreach (string pre in before) matrix = Prepare(pre, matrix);
        _areKeysExact = !before.Any();
        Call call = AggregationRule.Known.Find(rule).Call;
        return _rules[call.Name](this, call, matrix);
    }

    public double[][] Prepare(string pre, double[][] rows)
    {
        Call call = PreRule.Known.Find(pre).Call;
        _areKeysExact = false;
        return _preRules[call.Name](this, call, rows);
    }

    public static double SquaredDistance(double[] x, double[] y) => IsFinite(x) && IsFinite(y) ? x.Zip(y, (a, b) => (a - b) * (a - b)).Sum() : double.PositiveInfinity;

    public static double SquaredNorm(double[] x) => SquaredDistance(x, new double[x.Length]);

    public static double[] Mean(double[][] rows) => [.. Enumerable.Range(0, rows[0].Length).Select(j => rows.Average(row => row[j]))];

    private static bool IsFinite(double[] row) => row.All(double.IsFinite);

    private static double[] Columns(double[][] rows, Func<double[], double> reduce)
        => [.. Enumerable.Range(0, rows[0].Length).Select(j => reduce([.. rows.Select(row => row[j])]))];

    /// <summary>A row without weight is no part of the sum, whatever is in it.</summary>
    private static double[] WeightedMean(double[][] rows, double[] weights)
    {
        double sum = weights.Sum();
        return Columns(rows, column => column.Zip(weights, (x, weight) => weight == 0 ? 0 : x * weight).Sum() / sum);
    }

    private static double[] Sorted(IEnumerable<double> column) => [.. column.OrderBy(double.IsNaN).ThenBy(x => x)];

    private static double Median(IEnumerable<double> column)
    {
        double[] sorted = Sorted(column);
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>What a draw is for, as the rules write it.</summary>
    private static ulong Purpose(string name) => Encoding.ASCII.GetBytes(name).Aggregate(0ul, (purpose, letter) => (purpose << 8) | letter);

    private int F(Call call) => call.Int("f", 0, f);

    private int Neighbours(Call call, double[][] rows) => call.Int("neighbours", 1, rows.Length - F(call) - 2);

    private double[] Around(double[][] rows, int one) => [.. rows.Select((row, i) => i == one ? -1 : SquaredDistance(rows[one], row))];

    /// <summary>The indices of the least keys, of equal ones the first.</summary>
    /// <param name="things">What the keys are of: it does not matter which of equal ones is chosen.</param>
    /// <param name="areExact">They are sums and products, no eigenvalues.</param>
    /// <param name="areMutual">They are made of distances between any two: where these two have one in common, both sides find equal keys.</param>
    private int[] Least(double[] keys, int count, double[][] things, double scale = 0, bool areExact = true, bool areMutual = false)
    {
        int[] order = [.. Enumerable.Range(0, keys.Length).OrderBy(i => keys[i])];
        foreach (int chosen in order[..count])
            foreach (int left in order[count..])
                if (!AreEqual(things[chosen], things[left])) Decide(keys[chosen], keys[left], scale, areExact && (_areKeysExact || (areMutual && !mayTie)));
        return order[..count];
    }

    private double[] MeanOfLeast(double[][] rows, double[] keys, int count, bool areMutual = false) => Mean([.. Least(keys, count, rows, areMutual: areMutual).Order().Select(i => rows[i])]);

    private static bool AreEqual(double[] x, double[] y) => x.Zip(y).All(pair => Math.Abs(pair.First - pair.Second) <= 1e-12 * Math.Abs(pair.First));

    private void Decide(double a, double b, double scale = 0, bool areTiesDecided = true)
    {
        if ((a == b && areTiesDecided) || !double.IsFinite(a) || !double.IsFinite(b)) return;
        Margin = Math.Min(Margin, a == b ? 0 : Math.Abs(a - b) / Math.Max(scale, Math.Max(Math.Abs(a), Math.Abs(b))));
    }
}

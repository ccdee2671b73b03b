namespace Detox.Tests.Aggregation.Robustness;

/// <summary>What a rule is proven to keep to when f of n rows are anything: a bound of the distance from its result to the mean of the h = n - f honest rows.</summary>
/// <remarks>V is the honest rows' variance; a rule with a constant kappa keeps the squared distance below kappa V ((f, kappa)-robustness: Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023,
/// "Fixing by mixing", whose table 1 has the constants of krum, the two medians, the trimmed mean and nnm). Bounds that are not from there are derived where they stand.
/// Nothing of the kind is promised by mean, sign-majority (its result has no length), cge (short rows pull it), dnc (it looks in one direction only: rows far along another one hide a shift), signguard,
/// centered-clipping (its bound is the distance from the centre, which must be near already) and geometric-median with nu (three rounds from the origin).</remarks>
/// <param name="Bound">Of the distance.</param>
public sealed record Promise(string[] Before, string Rule, int N, int F, Func<HonestRows, double> Bound)
{
    /// <summary>At the most wrong rows that a rule stands, and at fewer.</summary>
    public static IReadOnlyList<Promise> All { get; } =
    [
        .. Of("median", 15, [7, 3], Median), .. Of("geometric-median", 15, [7, 3], Median), .. Of("trimmed-mean", 15, [7, 3], TrimmedMean),
        .. Of("meamed", 15, [7, 3], (n, f) => Around(n, f, Median(n, f))), .. Of("phocas", 15, [7, 3], (n, f) => Around(n, f, TrimmedMean(n, f))),
        .. Of("krum", 15, [6, 3], Krum), .. Of("multi-krum", 15, [6, 3], Krum),
        .. Each("bulyan", 15, [3, 1], Bulyan), .. Each("mda", 15, [7, 3], LeastDiameter), .. Each("monna", 15, [7, 3], Monna), .. Each("smea", 9, [4, 1], LeastEigenvalue), .. Each("caf", 15, [3, 1], Caf),
        .. Each("huber(T=1)", 15, [7, 3], (n, f) => Huber(n, f, 1)), .. Each("huber(T=0.01)", 15, [7, 3], (n, f) => Huber(n, f, 0.01)),
        .. ((string, Func<int, int, double>)[])[("median", Median), ("geometric-median", Median), ("trimmed-mean", TrimmedMean), ("krum", Krum), ("multi-krum", Krum)] is var rules
            ? rules.SelectMany(rule => (Promise[])
            [
                .. Of("nnm", rule.Item1, 15, [6, 3], (n, f) => Mixed(n, f, rule.Item2(n, f))), .. Of("arc", rule.Item1, 15, [6, 3], (n, f) => Clipped(n, f, rule.Item2(n, f))),
                .. Of("clipping(c=1)", rule.Item1, 15, [6, 3], rule.Item2),
                .. Each("arc+nnm", rule.Item1, 15, [6, 3], (n, f) => honest => Math.Sqrt(Clipped(n, f, Mixed(n, f, rule.Item2(n, f))) * honest.Variance)),
            ]) : [],
        .. Each("bucketing(s=3)", "median", 15, [2, 1], (n, f) => Bucketed(n, 3, f, Median)), .. Each("bucketing(s=3)", "geometric-median", 15, [2, 1], (n, f) => Bucketed(n, 3, f, Median)),
        .. Each("bucketing(s=3)", "krum", 15, [1], (n, f) => Bucketed(n, 3, f, Krum)),
    ];

    public override string ToString() => $"{string.Concat(Before.Select(pre => $"{pre}, "))}{Rule}, {F} of {N}";

    private static double Majority(int n, int f) => (double)f / (n - (2 * f));

    private static double Median(int n, int f) => 4 * Math.Pow(1 + Majority(n, f), 2);

    private static double TrimmedMean(int n, int f) => 6 * Majority(n, f) * (1 + Majority(n, f));

    private static double Mixed(int n, int f, double kappa) => 8.0 * f / (n - f) * (1 + kappa);

    /// <summary>Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan 2025, "Adaptive gradient clipping for robust federated learning", theorem 3.2.</summary>
    private static double Clipped(int n, int f, double kappa) => kappa + (2 * Majority(n, f));

    /// <summary>As in table 1, 6 (1 + f / (n-2f)), whose scores count the n-f nearest; with k = n-f-2 others. The best score is at most the honest rows' mean one, 2 h V k / (h-1), and k+1-f of what it counts, itself
    /// included, are honest: with Minkowski's inequality over these, distance^2 &lt;= (sqrt(score) + sqrt(h V))^2 / (k+1-f). The best h-1 scores have a mean no larger than that, too.</summary>
    private static double Krum(int n, int f)
    {
        double h = n - f, k = n - f - 2;
        return Math.Pow(1 + Math.Sqrt(2 * k / (h - 1)), 2) * h / (k + 1 - f);
    }

    /// <summary>The h values nearest to a centre are, together, no further from it than the honest ones, and differ from these in f at most: the means differ by (2/h) sqrt(f sum_honest (x - centre)^2) at most, column by column.</summary>
    private static double Around(int n, int f, double kappa) => 4.0 * f / (n - f) * (1 + kappa);

    /// <summary>t = n-3f honest rows are among those chosen, and more honest ones than f. Their mean is at most sqrt((h-t)/t V) from all honest rows', their variance h/t V. Of the chosen
    /// the nearest to the median are no further from it than these in the mean, which with the median's own kappa gives (sqrt(1 + kappa) + sqrt(kappa)) standard deviations.</summary>
    private static Func<HonestRows, double> Bulyan(int n, int f)
    {
        double h = n - f, t = n - (3 * f), kappa = Median(n - (2 * f), f);
        return honest => (Math.Sqrt(h / t) * (Math.Sqrt(1 + kappa) + Math.Sqrt(kappa)) * Math.Sqrt(honest.Variance)) + Math.Sqrt((h - t) / t * honest.Variance);
    }

    /// <summary>At most f of the chosen are others than the honest ones; each lies within two diameters of the one it stands for, since both lie within one of what both sets have in common.</summary>
    private static Func<HonestRows, double> LeastDiameter(int n, int f) => honest => 2.0 * f / (n - f) * honest.Diameter;

    /// <summary>As <see cref="Around"/>, around the first row, which is honest.</summary>
    private static Func<HonestRows, double> Monna(int n, int f) => honest => Math.Sqrt(4.0 * f / (n - f) * (honest.Variance + honest.FirstSquaredDistance));

    /// <summary>Both sets have n-2f rows in common, whose mean is at most sqrt(f / (n-2f) lambda) from either set's, and the chosen set's lambda is not the larger one.</summary>
    private static Func<HonestRows, double> LeastEigenvalue(int n, int f) => honest => 2 * Math.Sqrt(Majority(n, f) * honest.TopEigenvalue);

    /// <summary>With r = f / (n-2f) &lt; 0.366. As long as the filter takes more weight from wrong rows than from honest ones, the honest ones have lost no more than f; in the first round in which it does not, sum c t &lt; 2 sum_honest c t,
    /// which bounds lambda by K = 2 (1+r)^2 / (1 - 2r (1+r)) times the honest rows'. The round of the least lambda has a weight of more than n-3f on honest rows, less than 2f taken from them, and at most f on others.
    /// After Diakonikolas, Kane 2019, "Recent advances in algorithmic high-dimensional robust statistics", 2.4.</summary>
    private static Func<HonestRows, double> Caf(int n, int f)
    {
        double r = Majority(n, f), k = 2 * Math.Pow(1 + r, 2) / (1 - (2 * r * (1 + r))), left = n - (3 * f);
        return honest => (Math.Sqrt(f * k / left) + Math.Sqrt(2 * f / left)) * Math.Sqrt(honest.TopEigenvalue);
    }

    /// <summary>At the minimum the pulls, of T at most each, cancel. From a distance of T or more an honest row at r from the mean pulls towards it by T (1 - r/distance - 2 (r/distance)^2) or more; the f others cannot
    /// outweigh that where s + 2 s^2 &lt; 1 - f/h for s = sqrt(V) / distance.</summary>
    private static Func<HonestRows, double> Huber(int n, int f, double threshold)
    {
        double s = (Math.Sqrt(1 + (8 * (1 - ((double)f / (n - f))))) - 1) / 4;
        return honest => Math.Max(threshold, Math.Sqrt(honest.Variance) / s);
    }

    /// <summary>Of the n/s buckets f at most have a wrong row. The means of the others have no larger variance than their t rows, h/t V, and a mean that is at most sqrt((h-t)/t V) from all honest rows'.</summary>
    private static Func<HonestRows, double> Bucketed(int n, int size, int f, Func<int, int, double> kappa)
    {
        double buckets = n / size, h = n - f, t = (buckets - f) * size;
        return honest => (Math.Sqrt(kappa((int)buckets, f) * h / t) + Math.Sqrt((h - t) / t)) * Math.Sqrt(honest.Variance);
    }

    private static IEnumerable<Promise> Of(string rule, int n, int[] wrong, Func<int, int, double> kappa) => Of("", rule, n, wrong, kappa);

    private static IEnumerable<Promise> Of(string before, string rule, int n, int[] wrong, Func<int, int, double> kappa)
        => Each(before, rule, n, wrong, (rows, f) => honest => Math.Sqrt(kappa(rows, f) * honest.Variance));

    private static IEnumerable<Promise> Each(string rule, int n, int[] wrong, Func<int, int, Func<HonestRows, double>> bound) => Each("", rule, n, wrong, bound);

    private static IEnumerable<Promise> Each(string before, string rule, int n, int[] wrong, Func<int, int, Func<HonestRows, double>> bound)
        => wrong.Select(f => new Promise(before.Split('+', StringSplitOptions.RemoveEmptyEntries), rule, n, f, bound(n, f)));
}

namespace Detox.Gpu.Aggregation;

/// <summary>Smallest maximum eigenvalue averaging: the mean of the n-f rows whose covariance has the least top eigenvalue; of equal ones the first subset's, by its indices.</summary>
/// <remarks>All subsets are looked at; more than 10^5 are refused. Rows at no finite distance from another one of a subset make that the last choice; where all subsets have such rows,
/// the result is the plain mean, which shows it. See <see cref="Covariance"/>. Source: Allouah, Guerraoui, Gupta, Pinot, Stephan 2023, "On the privacy-robustness-utility trilemma in distributed learning".</remarks>
public sealed class SmeaRule(int f) : WeighingRule
{
    private const double MostSubsets = 1e5;

    private readonly Covariance _covariance = new();
    private readonly Subsets _subsets = new();
    private double[] _shares = [];
    private double[] _projections = [];

    public override string Name => $"smea(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => f + 1;

    public override string? Excess(int rows) => rows < RowsComputable ? null : Subsets.Excess(this, rows, rows - f, MostSubsets);

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sum(Math.Max(rows - f, 1), width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        int n = weights.Length, k = n - f;
        ReadOnlySpan<double> distances = vectors.Distances;
        Span<double> shares = Scratch(ref _shares, n), projections = Scratch(ref _projections, n);
        double least = double.PositiveInfinity;
        ReadOnlySpan<int> subset = _subsets.First(k);
        do
        {
            if (!IsBounded(subset, distances, n)) continue;
            shares.Clear();
            foreach (int i in subset) shares[i] = 1.0 / k;
            double top = _covariance.Top(shares, distances, projections);
            if (top >= least) continue;
            least = top;
            weights.Clear();
            Mean(subset, weights);
        }
        while (_subsets.Next(n, k));

        if (least < double.PositiveInfinity) return k;
        weights.Fill(1);
        return n;
    }

    private static bool IsBounded(ReadOnlySpan<int> subset, ReadOnlySpan<double> distances, int n)
    {
        foreach (int i in subset)
            foreach (int j in subset)
                if (double.IsInfinity(distances[(i * n) + j])) return false;
        return true;
    }
}

namespace Detox.Gpu.Aggregation;

/// <summary>Covariance-bound agnostic filter: rows are weighed down by what they add to the direction in which the rows spread most; of all weighted means on
/// the way that of the least top eigenvalue is the result.</summary>
/// <remarks>Weights c begin at 1. While their sum exceeds n - 2f: the weighted mean and covariance, its top eigenpair (see <see cref="Covariance"/>), and c_i becomes c_i (1 - t_i / max t), t_i the squared projection of the row; within a millionth
/// of the greatest it is the greatest, so that equal rows leave together, whatever rounding did to them. A row at no finite
/// distance from the centre of the ball that holds a majority begins at 0; where no ball holds one, the result is the plain mean, which shows it.
/// Source: Allouah, Guerraoui, Stephan 2025, "Towards trustworthy federated learning with untrusted participants"; the filter is Diakonikolas and Kane's, 2019.</remarks>
public sealed class CafRule(int f) : WeighingRule
{
    private const double Greatest = 1 - 1e-6;

    private readonly Covariance _covariance = new();
    private double[] _sorted = [];
    private double[] _c = [];
    private double[] _shares = [];
    private double[] _projections = [];

    public override string Name => $"caf(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => (2 * f) + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sum(rows, width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        int n = weights.Length;
        ReadOnlySpan<double> distances = vectors.Distances;
        MajorityBall ball = MajorityBall.Find(distances, Scratch(ref _sorted, n));
        if (double.IsInfinity(ball.SquaredRadius))
        {
            weights.Fill(1);
            return n;
        }

        Span<double> c = Scratch(ref _c, n), shares = Scratch(ref _shares, n), projections = Scratch(ref _projections, n);
        for (int i = 0; i < n; i++) c[i] = double.IsFinite(distances[(ball.Centre * n) + i]) ? 1 : 0;
        double least = double.PositiveInfinity;
        while (true)
        {
            double sum = 0;
            foreach (double weight in c) sum += weight;
            if (sum <= n - (2 * f) && least < double.PositiveInfinity) return 1;
            for (int i = 0; i < n; i++) shares[i] = c[i] / sum;
            double top = _covariance.Top(shares, distances, projections), most = 0;
            if (top < least)
            {
                least = top;
                shares.CopyTo(weights);
            }

            foreach (double projection in projections) most = Math.Max(most, projection);
            if (most == 0) return 1;
            for (int i = 0; i < n; i++) c[i] = projections[i] >= most * Greatest ? 0 : c[i] * (1 - (projections[i] / most));
        }
    }
}

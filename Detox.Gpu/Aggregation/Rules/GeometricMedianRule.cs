using System.Globalization;
using Detox.Gpu.Tables;

namespace Detox.Gpu.Aggregation;

/// <summary>The geometric median: the point with the least sum of distances to the rows, by Weiszfeld's iteration.</summary>
/// <remarks>
/// Every iterate is a weighted mean of the rows, and its distances follow from those between them (see <see cref="IteratedMean"/>). So the rows are read twice, however many iterations it
/// takes: once for their distances, once for the sum at the end. From equal weights of the rows in the ball that holds a majority, w_i becomes 1 / max(||z - x_i||, nu), scaled to the
/// sum 1, until no weight changes by more than its <c>tolerance</c>th part, or <c>iterations</c> times; nu is 1e-6 radii. Weights are compared with themselves, not with 1: a row
/// that an iterate lies on has nearly all the weight, and the others' grow from step to step where the iterate leaves it.
/// The ball is the least around some row that holds a majority of the rows. Rows further from its centre than 10,000 radii, or not at a finite distance, have weight 0: a row that far
/// pulls with the force 1 in a direction that float32 distances no longer resolve. Where a majority of the rows are equal they are the result. Where no
/// ball holds a majority (most rows have a NaN or an infinity) the result is the plain mean, which shows it.
/// Sources: Weiszfeld 1937; smoothed as in Pillutla, Kakade, Harchaoui 2022, "Robust aggregation for federated learning".
/// </remarks>
public sealed class GeometricMedianRule(int iterations, double tolerance) : WeighingRule
{
    private const int DefaultIterations = 1000, DefaultRounds = 3;
    private const double SmoothingRadii = 1e-6;

    private readonly IteratedMean _iterated = new();
    private double[] _sorted = [];
    private double[] _near = [];

    public override string Name
        => string.Create(CultureInfo.InvariantCulture, $"geometric-median(iterations={iterations},tolerance={tolerance})");

    public override int RowsNeeded => 1;

    /// <summary>With nu given, <see cref="SmoothedMedianRule"/>.</summary>
    internal static AggregationRule Create(Call call, int f)
        => call.Has("nu") ? new SmoothedMedianRule(call.Double("nu", above: 0), call.Int("iterations", 1, DefaultRounds))
            : new GeometricMedianRule(call.Int("iterations", 1, DefaultIterations), call.Double("tolerance", above: 0));

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

        if (ball.SquaredRadius == 0)
        {
            weights[ball.Centre] = 1;
            return 1;
        }

        Span<double> near = Scratch(ref _near, n);
        int inside = ball.Mark(distances, ball.SquaredRadius, weights);
        for (int i = 0; i < n; i++) weights[i] /= inside;
        ball.Mark(distances, ball.SquaredRadius * MajorityBall.FarthestRadii * MajorityBall.FarthestRadii, near);
        double smoothing = SmoothingRadii * Math.Sqrt(ball.SquaredRadius);
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            ReadOnlySpan<double> fromMean = _iterated.Distances(weights, distances, near);
            double sum = 0, change = 0;
            for (int i = 0; i < n; i++)
                if (near[i] != 0) sum += 1 / Math.Max(fromMean[i], smoothing);
            for (int i = 0; i < n; i++)
            {
                if (near[i] == 0) continue;
                double weight = 1 / Math.Max(fromMean[i], smoothing) / sum;
                change = Math.Max(change, Math.Abs(weight - weights[i]) / weight);
                weights[i] = weight;
            }

            if (change <= tolerance) break;
        }

        return 1;
    }
}

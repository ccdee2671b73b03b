using System.Globalization;

namespace Detox.Gpu.Aggregation;

/// <summary>The point with the least sum of Huber's losses of its distances to the rows: near rows pull by their distance, far ones by T.</summary>
/// <remarks>By reweighting, so many times: from the mean of the rows in the ball that holds a majority, z becomes the mean of the rows with weights
/// min(1, T / ||x_i - z||). Large T is the mean, small T the geometric median. Rows further from the ball's centre than 10,000 T and 10,000 radii of the ball, or not at a finite distance, have weight 0,
/// as in <see cref="GeometricMedianRule"/>; where no
/// ball holds a majority (most rows have a NaN or an infinity) the result is the plain mean, which shows it.
/// Sources: Huber 1964, "Robust estimation of a location parameter"; Zhao, Yu, Wan 2024, "A Huber loss minimization approach to Byzantine robust federated learning".</remarks>
/// <param name="threshold">T.</param>
public sealed class HuberRule(double threshold, int iterations) : WeighingRule
{
    private readonly IteratedMean _iterated = new();
    private double[] _sorted = [];
    private double[] _near = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"huber(T={threshold},iterations={iterations})");

    public override int RowsNeeded => 1;

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

        Span<double> near = Scratch(ref _near, n);
        ball.Mark(distances, Math.Max(ball.SquaredRadius, threshold * threshold) * MajorityBall.FarthestRadii * MajorityBall.FarthestRadii, near);
        int inside = ball.Mark(distances, ball.SquaredRadius, weights);
        for (int i = 0; i < n; i++) weights[i] /= inside;
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            ReadOnlySpan<double> fromMean = _iterated.Distances(weights, distances, near);
            double sum = 0;
            for (int i = 0; i < n; i++)
            {
                weights[i] = near[i] == 0 ? 0 : fromMean[i] <= threshold ? 1 : threshold / fromMean[i];
                sum += weights[i];
            }

            for (int i = 0; i < n; i++) weights[i] /= sum;
        }

        return 1;
    }
}

using System.Globalization;

namespace Detox.Gpu.Aggregation;

/// <summary>The smoothed geometric median after so many rounds from the origin: z becomes the mean of the rows with weights 1 / max(nu, ||x_i - z||).</summary>
/// <remarks>Every z is a weighted mean of the rows, and its distances follow from those between them and from their norms (see <see cref="IteratedMean"/>). A row with a NaN or an
/// infinity, or with a squared norm beyond float32, has weight 0; where all rows have, the result is the plain mean, which shows it.
/// Source: Pillutla, Kakade, Harchaoui 2022, "Robust aggregation for federated learning".</remarks>
public sealed class SmoothedMedianRule(double nu, int iterations) : WeighingRule
{
    private readonly IteratedMean _iterated = new();
    private double[] _finite = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"geometric-median(nu={nu},iterations={iterations})");

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width) + (iterations > 1 ? RuleWork.Distances(rows, width) : default) + RuleWork.Sum(rows, width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        int n = weights.Length;
        ReadOnlySpan<double> norms = vectors.Norms, distances = iterations > 1 ? vectors.Distances : [];
        Span<double> finite = Scratch(ref _finite, n);
        int count = 0;
        for (int i = 0; i < n; i++)
        {
            finite[i] = double.IsFinite(norms[i]) ? 1 : 0;
            if (finite[i] != 0) count++;
        }

        if (count == 0)
        {
            weights.Fill(1);
            return n;
        }

        for (int iteration = 0; iteration < iterations; iteration++)
        {
            double sum = 0;
            ReadOnlySpan<double> fromMean = iteration == 0 ? default : _iterated.Distances(weights, distances, finite);
            for (int i = 0; i < n; i++)
            {
                weights[i] = finite[i] == 0 ? 0 : 1 / Math.Max(iteration == 0 ? Math.Sqrt(norms[i]) : fromMean[i], nu);
                sum += weights[i];
            }

            for (int i = 0; i < n; i++) weights[i] /= sum;
        }

        return 1;
    }
}

using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The smoothed geometric median after so many rounds from the origin: z becomes the mean of the rows with weights 1 / max(nu, ||x_i - z||).</summary>
/// <remarks>Each round reads the rows twice: no row is too far to be measured from z itself. A row with a NaN or an
/// infinity, or with a squared norm beyond float32, has weight 0; where all rows have, the result is the plain mean, which shows it.
/// Source: Pillutla, Kakade, Harchaoui 2022, "Robust aggregation for federated learning".</remarks>
public sealed class SmoothedMedianRule(double nu, int iterations) : AggregationRule
{
    private double[] _squares = [];
    private double[] _weights = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"geometric-median(nu={nu},iterations={iterations})");

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width)
    {
        RuleWork round = RuleWork.Norms(rows, width) + RuleWork.Sum(rows, width);
        return new(iterations * round.Operations, iterations * round.Bytes);
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        int n = vectors.Count;
        Rows rows = vectors.Rows;
        Span<double> squares = Scratch(ref _squares, n), weights = Scratch(ref _weights, n);
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            vectors.Device.Run(new SquaredDistances(rows, iteration == 0 ? null : output, squares));
            double sum = 0;
            for (int i = 0; i < n; i++)
            {
                weights[i] = 1 / Math.Max(Math.Sqrt(squares[i]), nu);
                sum += weights[i];
            }

            if (sum == 0) weights.Fill(1);
            for (int i = 0; i < n; i++) weights[i] /= sum == 0 ? n : sum;
            vectors.WeightedSum(weights, 1, output);
        }
    }
}

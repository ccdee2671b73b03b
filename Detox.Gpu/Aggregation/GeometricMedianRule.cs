using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The geometric median: the point with the least sum of distances to the rows, by Weiszfeld's iteration.</summary>
/// <remarks>
/// Every iterate is a weighted mean z = sum w_j x_j, and its distances follow from those between the rows,
/// ||z - x_i||^2 = sum_j w_j D_ij - (1/2) sum_jk w_j w_k D_jk. So the rows are read twice, however many iterations it
/// takes: once for D, once for the sum at the end. From equal weights, w_i becomes 1 / max(||z - x_i||, nu), scaled to the
/// sum 1, until the weights change by at most <c>tolerance</c> in total, or <c>iterations</c> times. nu is 1e-6 radii.
/// The radius is the least with which a ball around some row, the centre, holds a majority of the rows; of several such rows
/// the first is the centre. Rows further from it than 10,000 radii, or not at a finite distance, have weight 0: a row that far
/// pulls with the force 1 in a direction that float32 distances no longer resolve. Where a majority of the rows are equal they are the result. Where no
/// ball holds a majority (most rows have a NaN or an infinity) the result is the plain mean, which shows it.
/// Source: Weiszfeld 1937; smoothed as in Pillutla, Kakade, Harchaoui 2022, "Robust aggregation for federated learning".
/// </remarks>
public sealed class GeometricMedianRule(int iterations, double tolerance) : AggregationRule
{
    private const double FarthestRadii = 1e4;
    private const double SmoothingRadii = 1e-6;

    private double[] _distances = [];
    private double[] _sorted = [];
    private double[] _weights = [];
    private double[] _products = [];
    private float[] _rounded = [];

    public override string Name
        => string.Create(CultureInfo.InvariantCulture, $"geometric-median(iterations={iterations},tolerance={tolerance})");

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output)
    {
        int n = rows.Count;
        Span<double> distances = Scratch(ref _distances, n * n);
        Span<double> weights = Scratch(ref _weights, n);
        device.Run(new PairwiseSquaredDistances(rows, distances));
        (int centre, double squaredRadius) = Centre(n, distances);
        double farthest = squaredRadius * FarthestRadii * FarthestRadii;
        int near = 0;
        for (int i = 0; i < n; i++)
        {
            double distance = distances[(centre * n) + i];
            bool isNear = double.IsFinite(squaredRadius) && distance <= farthest && double.IsFinite(distance);
            weights[i] = isNear ? 1 : 0;
            if (isNear) near++;
        }

        Span<float> rounded = Scratch(ref _rounded, n);
        if (squaredRadius == 0)
        {
            device.Copy(rows[centre], output);
            return;
        }

        if (near == 0)
        {
            rounded.Fill(1);
            device.Run(new WeightedSum(rows, rounded, n, output));
            return;
        }

        for (int i = 0; i < n; i++) weights[i] /= near;
        Iterate(distances, weights, SmoothingRadii * Math.Sqrt(squaredRadius));
        for (int i = 0; i < n; i++) rounded[i] = (float)weights[i];
        device.Run(new WeightedSum(rows, rounded, 1, output));
    }

    /// <summary>The row nearest to a majority of the rows, itself included, and the squared distance that reaches so many.</summary>
    private (int Row, double SquaredRadius) Centre(int n, ReadOnlySpan<double> distances)
    {
        Span<double> sorted = Scratch(ref _sorted, n);
        int centre = 0;
        double least = double.PositiveInfinity;
        for (int i = 0; i < n; i++)
        {
            distances.Slice(i * n, n).CopyTo(sorted);
            sorted.Sort();
            if (sorted[n / 2] >= least) continue;
            least = sorted[n / 2];
            centre = i;
        }

        return (centre, least);
    }

    private void Iterate(ReadOnlySpan<double> distances, Span<double> weights, double smoothing)
    {
        int n = weights.Length;
        Span<double> products = Scratch(ref _products, n);
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            double spread = 0;
            for (int i = 0; i < n; i++)
            {
                // A row that is left out keeps the weight 0. It may be infinitely far: 0 times infinity must not enter.
                products[i] = 0;
                if (weights[i] == 0) continue;
                double product = 0;
                for (int j = 0; j < n; j++)
                    if (weights[j] != 0)
                        product += weights[j] * distances[(i * n) + j];
                products[i] = product;
                spread += weights[i] * product;
            }

            double sum = 0;
            for (int i = 0; i < n; i++)
            {
                if (weights[i] == 0) continue;
                double distance = Math.Sqrt(Math.Max(products[i] - (spread / 2), 0));
                products[i] = 1 / Math.Max(distance, smoothing);
                sum += products[i];
            }

            double change = 0;
            for (int i = 0; i < n; i++)
            {
                double weight = products[i] / sum;
                change += Math.Abs(weight - weights[i]);
                weights[i] = weight;
            }

            if (change <= tolerance) return;
        }
    }
}

using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Centered clipping: the centre v moves by the mean of the clipped differences, v += (1/n) sum_i (x_i - v) min(1, tau / ||x_i - v||), so many times; it is the result, and where the next step begins.</summary>
/// <remarks>A row at no finite distance from the centre does not move it. Every iterate is a weighted sum of the first centre and the rows, so the rows are read twice, however many iterations it takes:
/// ||z - x_i||^2 = a e_i + sum_j w_j D_ij - sum_j a w_j e_j - (1/2) sum_jk w_j w_k D_jk for z = a v + sum_j w_j x_j and e_i = ||x_i - v||^2.
/// Source: Karimireddy, He, Jaggi 2021, "Learning from history for Byzantine robust optimization".</remarks>
/// <param name="start">m: every coordinate of the first centre.</param>
public sealed class CenteredClippingRule(float start, int iterations, double tau) : AggregationRule
{
    private DeviceBuffer? _centre;
    private double[] _squares = [];
    private double[] _weights = [];
    private double[] _products = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"centered-clipping(m={start},iterations={iterations},tau={tau})");

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width) + (iterations > 1 ? RuleWork.Distances(rows, width) : default) + RuleWork.Sum(rows + 1, width);

    public override void Dispose()
    {
        _centre?.Dispose();
        base.Dispose();
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        Device device = vectors.Device;
        if (_centre is null || _centre.Length != vectors.Width)
        {
            _centre?.Dispose();
            _centre = device.Allocate(vectors.Width);
            device.Run(new Fill(_centre.All, start));
        }

        int n = vectors.Count;
        Span<double> squares = Scratch(ref _squares, n), weights = Scratch(ref _weights, n);
        device.Run(new SquaredDistances(vectors.Rows, _centre.All, squares));
        double moved = 1 - Iterate(squares, iterations > 1 ? vectors.Distances : [], weights);
        if (moved > 0)
        {
            vectors.WeightedSum(weights, (float)moved, output);
            device.Run(new MovingAverage(_centre.All, output, 1, (float)moved));
        }

        device.Copy(_centre.All, output);
    }

    /// <summary>The weights of the rows in the last iterate, and the first centre's.</summary>
    private double Iterate(ReadOnlySpan<double> squares, ReadOnlySpan<double> distances, Span<double> weights)
    {
        int n = weights.Length;
        Span<double> products = Scratch(ref _products, n);
        weights.Clear();
        double centre = 1;
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            double spread = 0;
            for (int i = 0; i < n; i++)
            {
                if (double.IsInfinity(squares[i])) continue;
                products[i] = centre * squares[i];
                double among = 0;
                if (iteration > 0)
                    for (int j = 0; j < n; j++)
                        if (weights[j] != 0) among += weights[j] * distances[(i * n) + j];
                products[i] += among;
                spread += weights[i] * ((centre * squares[i]) + (among / 2));
            }

            double kept = 1;
            for (int i = 0; i < n; i++)
            {
                if (double.IsInfinity(squares[i])) continue;
                double distance = Math.Sqrt(Math.Max(products[i] - spread, 0));
                products[i] = (distance <= tau ? 1 : tau / distance) / n;
                kept -= products[i];
            }

            for (int i = 0; i < n; i++)
                if (!double.IsInfinity(squares[i])) weights[i] = (weights[i] * kept) + products[i];
            centre *= kept;
        }

        return centre;
    }
}

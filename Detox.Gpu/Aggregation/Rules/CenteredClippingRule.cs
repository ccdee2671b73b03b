using System.Globalization;
using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Centered clipping: the centre v moves by the mean of the clipped differences, v += (1/n) sum_i (x_i - v) min(1, tau / ||x_i - v||), so many times; it is the result, and where the next step begins.</summary>
/// <remarks>A row at no finite distance from the centre does not move it. Each iteration reads the rows twice: no row is too far to be measured from the centre itself.
/// Source: Karimireddy, He, Jaggi 2021, "Learning from history for Byzantine robust optimization".</remarks>
/// <param name="start">m: every coordinate of the first centre.</param>
public sealed class CenteredClippingRule(float start, int iterations, double tau) : AggregationRule
{
    private DeviceBuffer? _centre;
    private double[] _squares = [];
    private double[] _weights = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"centered-clipping(m={start},iterations={iterations},tau={tau})");

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width)
    {
        RuleWork iteration = RuleWork.Norms(rows, width) + RuleWork.Sum(rows + 1, width);
        return new(iterations * iteration.Operations, iterations * iteration.Bytes);
    }

    public override IReadOnlyList<(string Name, View Values)> Kept(Device device, long width) => [("centre", Centre(device, width))];

    public override void Dispose()
    {
        _centre?.Dispose();
        base.Dispose();
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        Device device = vectors.Device;
        View centre = Centre(device, vectors.Width);
        int n = vectors.Count;
        Rows rows = vectors.Rows;
        Span<double> squares = Scratch(ref _squares, n), weights = Scratch(ref _weights, n);
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            device.Run(new SquaredDistances(rows, centre, squares));
            double moved = 0;
            for (int i = 0; i < n; i++)
            {
                double distance = Math.Sqrt(squares[i]);
                weights[i] = (distance <= tau ? 1 : tau / distance) / n;
                moved += weights[i];
            }

            if (moved == 0) break;
            vectors.WeightedSum(weights, (float)moved, output);
            device.Run(new MovingAverage(centre, output, 1, (float)moved));
        }

        device.Copy(centre, output);
    }

    /// <summary>The centre so far, or where it starts: at rows of another width anew.</summary>
    private View Centre(Device device, long width)
    {
        if (_centre?.Length != width)
        {
            _centre?.Dispose();
            _centre = device.Allocate(width);
            device.Run(new Fill(_centre.All, start));
        }

        return _centre.All;
    }
}

namespace Detox.Mpi.Attacks;

/// <summary>How far honest gradients lie from each other, and from the points mean + gamma * direction: ||mean + gamma * direction - x_i||^2 = a_i + 2 gamma b_i + gamma^2 c.</summary>
internal sealed class HonestSpread
{
    private readonly double[] _fromMean;
    private readonly double[] _along;
    private readonly double[] _between;
    private readonly double _direction;
    private readonly int _n;

    /// <param name="mean">Of the honest payloads; the gradient comes first.</param>
    /// <param name="direction">A coordinate for each of the mean's.</param>
    /// <param name="length">d: the payloads' first floats are measured.</param>
    public HonestSpread(HonestPayloads honest, ReadOnlySpan<double> mean, ReadOnlySpan<double> direction, int length)
    {
        _n = honest.Count;
        _fromMean = new double[_n];
        _along = new double[_n];
        _between = new double[_n * _n];
        double[] column = new double[_n];
        for (int j = 0; j < length; j++)
        {
            honest.Column(j, column);
            _direction += direction[j] * direction[j];
            for (int i = 0; i < _n; i++)
            {
                double fromMean = mean[j] - column[i];
                _fromMean[i] += fromMean * fromMean;
                _along[i] += fromMean * direction[j];
                for (int k = 0; k < i; k++) _between[(i * _n) + k] += (column[i] - column[k]) * (column[i] - column[k]);
            }
        }

        for (int i = 0; i < _n; i++)
            for (int k = 0; k < i; k++) _between[(k * _n) + i] = _between[(i * _n) + k];
    }

    /// <summary>The largest gamma whose point lies no farther from any gradient than two gradients from each other.</summary>
    public double LargestWithinEveryDistance()
    {
        double diameter = 0, largest = double.PositiveInfinity;
        foreach (double between in _between) diameter = Math.Max(diameter, between);
        for (int i = 0; i < _n; i++) largest = Math.Min(largest, Root(_fromMean[i], _along[i], _direction, diameter));
        return largest;
    }

    /// <summary>The largest gamma whose point has no larger sum of squared distances to the gradients than a gradient has to the others.</summary>
    public double LargestWithinEverySum()
    {
        double largestSum = 0;
        for (int i = 0; i < _n; i++)
        {
            double sum = 0;
            for (int k = 0; k < _n; k++) sum += _between[(i * _n) + k];
            largestSum = Math.Max(largestSum, sum);
        }

        return Root(_fromMean.Sum(), _along.Sum(), _n * _direction, largestSum);
    }

    /// <summary>The larger gamma of a + 2 gamma b + gamma^2 c = bound; 0 where there is no direction to go. The mean itself, gamma = 0, is within the bound.</summary>
    private static double Root(double a, double b, double c, double bound)
    {
        if (c == 0) return 0;
        double slack = Math.Max(bound - a, 0), root = Math.Sqrt((b * b) + (c * slack));
        return b > 0 ? slack / (b + root) : (root - b) / c;
    }
}

namespace Detox.Gpu.Aggregation;

/// <summary>A point z = sum_j w_j x_j whose weights w are set anew by its distances from the vectors, again and again: Weiszfeld's iteration and its kin.</summary>
/// <remarks>||z - x_i||^2 = sum_j w_j D_ij - (1/2) sum_jk w_j w_k D_jk for weights of the sum 1: the vectors are not read. What is far from z must be left out (see <see cref="MajorityBall.FarthestRadii"/>): its
/// square, though hardly weighed, would hide the other distances.</remarks>
internal sealed class IteratedMean
{
    private double[] _products = [];
    private double[] _distances = [];

    /// <summary>The distances of z from the vectors that take part, +inf for the others.</summary>
    /// <param name="weights">Of z.</param>
    /// <param name="squaredDistances">n x n, between the vectors.</param>
    /// <param name="takesPart">Not 0 for a vector that does; the weights of the others are 0.</param>
    public ReadOnlySpan<double> Distances(ReadOnlySpan<double> weights, ReadOnlySpan<double> squaredDistances, ReadOnlySpan<double> takesPart)
    {
        int n = weights.Length;
        if (_products.Length < n)
        {
            _products = new double[n];
            _distances = new double[n];
        }

        double spread = 0;
        for (int i = 0; i < n; i++)
        {
            // A vector that is left out may be infinitely far: 0 times infinity must not enter.
            if (takesPart[i] == 0) continue;
            double product = 0;
            for (int j = 0; j < n; j++)
                if (weights[j] != 0) product += weights[j] * squaredDistances[(i * n) + j];
            _products[i] = product;
            spread += weights[i] * product;
        }

        for (int i = 0; i < n; i++) _distances[i] = takesPart[i] == 0 ? double.PositiveInfinity : Math.Sqrt(Math.Max(_products[i] - (spread / 2), 0));

        return _distances.AsSpan(0, n);
    }
}

namespace Detox.Gpu.Aggregation;

/// <summary>The squared length of a weighted sum of rows, from their squared distances D and norms N: ||sum_k c_k x_k||^2 = (sum_k c_k) (sum_k c_k N_k) - (1/2) sum_kl c_k c_l D_kl.</summary>
internal static class WeightedSquare
{
    // D and N are sums in float32. Where their terms cancel to less than this part of their size, nothing is known of the result: so an attacker's row
    // that is many orders longer than the others, shortened to their length, could be at any distance from them.
    private const double LeastShare = 1.0 / 4096;

    /// <param name="norms">Empty where the sum of the weights is 0 but for rounding.</param>
    /// <param name="isKnown">Whether the result has some right digits.</param>
    /// <returns>+inf where a term is.</returns>
    public static double Of(ReadOnlySpan<double> weights, ReadOnlySpan<double> distances, ReadOnlySpan<double> norms, out bool isKnown)
    {
        int n = weights.Length;
        double sum = 0, lengths = 0, lengthsSize = 0, pairs = 0, pairsSize = 0;
        for (int k = 0; k < n; k++)
        {
            double weight = weights[k], nearer = 0, nearerSize = 0;
            if (weight == 0) continue;
            for (int l = 0; l < k; l++)
            {
                if (weights[l] == 0) continue;
                nearer += weights[l] * distances[(k * n) + l];
                nearerSize += Math.Abs(weights[l]) * distances[(k * n) + l];
            }

            pairs += weight * nearer;
            pairsSize += Math.Abs(weight) * nearerSize;
            if (norms.IsEmpty) continue;
            sum += weight;
            lengths += weight * norms[k];
            lengthsSize += Math.Abs(weight) * norms[k];
        }

        double square = sum == 0 ? -pairs : (sum * lengths) - pairs, size = sum == 0 ? pairsSize : (Math.Abs(sum) * lengthsSize) + pairsSize;
        isKnown = !double.IsFinite(size) || square >= size * LeastShare;
        return double.IsFinite(size) ? Math.Max(square, 0) : double.PositiveInfinity;
    }
}

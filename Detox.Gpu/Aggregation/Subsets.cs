using MathNet.Numerics;

namespace Detox.Gpu.Aggregation;

/// <summary>Subsets of k of n, in the order of their indices.</summary>
internal sealed class Subsets
{
    private int[] _chosen = [];
    private int[] _best = [];
    private double[] _widths = [];

    /// <summary>Why a rule that looks at all subsets would take too long, with the number; null where it does not.</summary>
    public static string? Excess(AggregationRule rule, int n, int k, double most)
    {
        double count = Combinatorics.Combinations(n, k);
        return count <= most ? null : $"{rule.Name} would look at {count:G4} subsets of {k} of {n} rows; it looks at no more than {most:G4}";
    }

    /// <summary>The first subset of those with the least diameter.</summary>
    public ReadOnlySpan<int> Least(int n, int k, ReadOnlySpan<double> distances)
    {
        Room(k);
        double least = double.PositiveInfinity;
        for (int i = 0; i < k; i++) _best[i] = i;

        // chosen[0..depth) are taken, widths[depth - 1] is how wide they are.
        int depth = 0, next = 0;
        while (depth >= 0)
        {
            if (depth == k)
            {
                least = _widths[k - 1];
                _chosen.AsSpan(0, k).CopyTo(_best);
            }

            if (depth == k || next > n - (k - depth))
            {
                if (--depth >= 0) next = _chosen[depth] + 1;
                continue;
            }

            double width = depth == 0 ? 0 : _widths[depth - 1];
            for (int i = 0; i < depth; i++) width = Math.Max(width, distances[(_chosen[i] * n) + next]);
            if (width < least)
            {
                _chosen[depth] = next;
                _widths[depth++] = width;
            }

            next++;
        }

        return _best.AsSpan(0, k);
    }

    /// <summary>The first subset.</summary>
    public ReadOnlySpan<int> First(int k)
    {
        Room(k);
        for (int i = 0; i < k; i++) _chosen[i] = i;
        return _chosen.AsSpan(0, k);
    }

    /// <summary>Goes on to the next subset, in the same memory; false after the last one.</summary>
    public bool Next(int n, int k)
    {
        int i = k - 1;
        while (i >= 0 && _chosen[i] == n - k + i) i--;
        if (i < 0) return false;
        _chosen[i]++;
        for (int j = i + 1; j < k; j++) _chosen[j] = _chosen[j - 1] + 1;
        return true;
    }

    private void Room(int k)
    {
        if (_chosen.Length >= k) return;
        _chosen = new int[k];
        _best = new int[k];
        _widths = new double[k];
    }
}

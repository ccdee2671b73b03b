using Detox.Gpu;
using Detox.Gpu.Aggregation;

namespace Detox.Tests.Aggregation.Plain;

/// <summary>Means of some of the rows, and what pre-rules make of them.</summary>
internal sealed partial class PlainRules
{
    private const int SignGuardShare = 10;

    private static double[] KrumScores(double[][] rows, int neighbours)
        => [.. rows.Select((row, i) => rows.Where((_, j) => j != i).Select(other => SquaredDistance(row, other)).Order().Take(neighbours).Sum())];

    private static double[] Clipped(double[] row, double longest)
    {
        if (!IsFinite(row)) return new double[row.Length];
        double norm = Math.Sqrt(SquaredNorm(row));
        return norm <= longest ? row : [.. row.Select(x => x * longest / norm)];
    }

    private static double[][] AdaptivelyClipped(double[][] rows, int f)
    {
        int n = rows.Length, clipped = 2 * f * (n - f) / n;
        double longest = Math.Sqrt(rows.Select(SquaredNorm).OrderDescending().ElementAt(clipped));
        return double.IsInfinity(longest) ? rows : [.. rows.Select(row => Clipped(row, longest))];
    }

    /// <summary>All subsets of so many of 0 to n - 1, in the order of their indices.</summary>
    private static IEnumerable<int[]> Subsets(int n, int count, int first = 0)
    {
        if (count == 0) return [[]];
        return Enumerable.Range(first, n - count - first + 1).SelectMany(i => Subsets(n, count - 1, i + 1).Select(rest => (int[])[i, .. rest]));
    }

    private double[] MultiKrum(double[][] rows, int neighbours, int select) => MeanOfLeast(rows, KrumScores(rows, neighbours), select, areMutual: true);

    private double[] LeastDiameter(double[][] rows, int count)
    {
        double[][] distances = [.. rows.Select((_, i) => Around(rows, i))];
        return BestSubset(rows, count, Diameter, areExact: true);

        double Diameter(int[] subset)
        {
            double most = 0;
            foreach (int i in subset)
                foreach (int j in subset) most = Math.Max(most, distances[i][j]);
            return most;
        }
    }

    /// <summary>The mean of the subset with the least value, of equal ones the first.</summary>
    private double[] BestSubset(double[][] rows, int count, Func<int[], double> value, bool areExact)
    {
        int[][] subsets = [.. Subsets(rows.Length, count)];
        double[][] means = [.. subsets.Select(subset => Mean([.. subset.Select(i => rows[i])]))];
        return means[Least([.. subsets.Select(value)], 1, means, areExact: areExact, areMutual: true)[0]];
    }

    private double[][] Buckets(double[][] rows, int size)
    {
        int[] order = [.. Enumerable.Range(0, rows.Length)];
        new SeededRandom(_seed, Purpose("buckets")).Shuffle(order.AsSpan());
        return [.. order.Chunk(size).Select(bucket => Mean([.. bucket.Select(i => rows[i])]))];
    }

    private double[] SignGuard(double[][] rows)
    {
        int width = rows[0].Length;
        long[] columns = new long[(width + SignGuardShare - 1) / SignGuardShare];
        new RandomColumns().Draw(new SeededRandom(_seed, Purpose("signs")), width, columns);
        double[] lengths = [.. rows.Select(row => Math.Sqrt(SquaredNorm(row)))];
        int[] finite = [.. Enumerable.Range(0, rows.Length).Where(i => double.IsFinite(lengths[i]))];
        if (finite.Length == 0) return Mean(rows);
        double median = Median(finite.Select(i => lengths[i]));
        double[][] shares = [.. finite.Select(i => Shares([.. columns.Select(column => rows[i][column])]))];
        HashSet<int> usualSigns = [.. LargestCluster(shares).Select(i => finite[i])];
        int[] usualLengths = [.. finite.Where(i => lengths[i] >= 0.1 * median && lengths[i] <= 3 * median)];
        foreach (double length in lengths)
        {
            Decide(length, 0.1 * median);
            Decide(length, 3 * median);
        }

        int[] kept = usualLengths.Any(usualSigns.Contains) ? [.. usualLengths.Where(usualSigns.Contains)] : usualLengths;
        return Mean([.. kept.Select(i => Clipped(rows[i], median))]);

        double[] Shares(double[] values)
        {
            foreach (double x in values) if (x != 0) Decide(x, 0, values.Max(Math.Abs));
            return [(double)values.Count(x => x > 0) / values.Length, (double)values.Count(x => x == 0) / values.Length, (double)values.Count(x => x < 0) / values.Length];
        }
    }

    /// <summary>By mean shift with a flat kernel: the indices of the points in it.</summary>
    private IEnumerable<int> LargestCluster(double[][] points)
    {
        double bandwidth = points.Average(point => points.Select(other => Distance(point, other)).Order().ElementAt(Math.Max((points.Length / 2) - 1, 0)));
        double[][] ends = [.. points.Select(End)];
        List<List<int>> clusters = [];
        for (int i = 0; i < ends.Length; i++)
        {
            if (clusters.Find(cluster => Within(ends[cluster[0]], ends[i])) is { } near) near.Add(i);
            else clusters.Add([i]);
        }

        return clusters.MaxBy(cluster => cluster.Count)!;

        double[] End(double[] point)
        {
            for (int shift = 0; shift < 300; shift++)
            {
                double[][] near = [.. points.Where(other => Within(point, other))];
                if (near.Length == 0) break;
                double[] mean = Mean(near);
                double moved = Distance(point, mean);
                point = mean;
                if (moved <= 1e-3 * bandwidth) break;
            }

            return point;
        }

        bool Within(double[] x, double[] y)
        {
            if (!AreEqual(x, y)) Decide(Distance(x, y), bandwidth, areTiesDecided: false);
            return Distance(x, y) <= bandwidth;
        }

        static double Distance(double[] x, double[] y) => Math.Sqrt(SquaredDistance(x, y));
    }
}

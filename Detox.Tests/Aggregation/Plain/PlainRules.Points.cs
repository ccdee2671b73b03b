using Detox.Gpu;
using Detox.Gpu.Aggregation;
using MathNet.Numerics.LinearAlgebra;

namespace Detox.Tests.Aggregation.Plain;

/// <summary>Points that are moved step by step, and means along eigenvectors.</summary>
internal sealed partial class PlainRules
{
    private const double FarthestRadii = 1e4;

    // Rounding turns an eigenvector by what it is over the gap between the eigenvalues.
    private const double EigenvectorShare = 1e-2;

    /// <summary>The row around which the least ball holds a majority, and the ball's radius.</summary>
    private (double[] Centre, double Radius) MajorityBall(double[][] rows)
    {
        double[] radii = [.. rows.Select((_, i) => Math.Sqrt(Math.Max(Around(rows, i).Order().ElementAt(rows.Length / 2), 0)))];
        int least = Least(radii, 1, rows, areMutual: true)[0];
        return (rows[least], radii[least]);
    }

    private static double[] SmoothedMedian(double[][] rows, double nu, int rounds)
    {
        double[] z = new double[rows[0].Length];
        for (int round = 0; round < rounds; round++)
        {
            double[] weights = [.. rows.Select(row => 1 / Math.Max(nu, Math.Sqrt(SquaredDistance(row, z))))];
            if (weights.All(weight => weight == 0)) return Mean(rows);
            z = WeightedMean(rows, weights);
        }

        return z;
    }

    private double[] GeometricMedian(double[][] rows, int iterations, double tolerance)
    {
        (double[] centre, double radius) = MajorityBall(rows);
        if (double.IsInfinity(radius)) return Mean(rows);
        if (radius == 0) return centre;
        foreach (double[] row in rows) Decide(Math.Sqrt(SquaredDistance(centre, row)), FarthestRadii * radius);
        rows = [.. rows.Where(row => Math.Sqrt(SquaredDistance(centre, row)) <= FarthestRadii * radius)];
        double[] weights = [.. rows.Select(row => Math.Sqrt(SquaredDistance(centre, row)) <= radius ? 1.0 : 0)];
        weights = [.. weights.Select(weight => weight / weights.Sum())];
        double[] z = WeightedMean(rows, weights);
        double change = double.PositiveInfinity;
        for (int iteration = 0; iteration < iterations && change > tolerance; iteration++)
        {
            double[] next = [.. rows.Select(row => 1 / Math.Max(1e-6 * radius, Math.Sqrt(SquaredDistance(row, z))))];
            next = [.. next.Select(weight => weight / next.Sum())];
            change = next.Zip(weights, (now, before) => Math.Abs(now - before) / now).Max();
            (z, weights) = (WeightedMean(rows, next), next);
        }

        return z;
    }

    private double[] Huber(double[][] rows, double threshold, int iterations)
    {
        (double[] centre, double radius) = MajorityBall(rows);
        if (double.IsInfinity(radius)) return Mean(rows);
        double[] z = Mean([.. rows.Where(row => Math.Sqrt(SquaredDistance(centre, row)) <= radius)]);
        rows = [.. rows.Where(row => Math.Sqrt(SquaredDistance(centre, row)) <= FarthestRadii * Math.Max(radius, threshold))];
        for (int iteration = 0; iteration < iterations; iteration++)
            z = WeightedMean(rows, [.. rows.Select(row => Math.Min(1, threshold / Math.Sqrt(SquaredDistance(row, z))))]);
        return z;
    }

    private double[] CenteredClipping(double[][] rows, float start, int iterations, double tau)
    {
        double[] v = _centre ?? [.. Enumerable.Repeat((double)start, rows[0].Length)];
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            double[][] moves = [.. rows.Select(row => Clipped([.. row.Zip(v, (x, centre) => x - centre)], tau))];
            v = [.. v.Zip(Mean(moves), (centre, move) => centre + move)];
        }

        return _centre = v;
    }

    private double[] Caf(double[][] rows, int f)
    {
        (double[] centre, double radius) = MajorityBall(rows);
        if (double.IsInfinity(radius)) return Mean(rows);
        double[] c = [.. rows.Select(row => IsFinite(row) ? 1.0 : 0)], best = [];
        double least = double.PositiveInfinity;
        while (true)
        {
            Decide(c.Sum(), rows.Length - (2 * f));
            if (best.Length > 0 && c.Sum() <= rows.Length - (2 * f)) return best;
            (double top, double[] t) = TopEigenpair(rows, c);
            Decide(top, least, areTiesDecided: false);
            if (top < least) (least, best) = (top, WeightedMean(rows, c));
            double most = t.Max();
            if (most == 0) return best;
            c = [.. c.Zip(t, (weight, projection) => projection / most >= 1 - 1e-6 ? 0 : weight * (1 - (projection / most)))];
        }
    }

    private double[] LeastEigenvalue(double[][] rows, int count)
    {
        if (rows.Count(IsFinite) < count) return Mean(rows);
        return BestSubset(rows, count, subset =>
        {
            double[][] chosen = [.. subset.Select(i => rows[i])];
            return chosen.All(IsFinite) ? TopEigenpair(chosen, [.. chosen.Select(_ => 1.0)], isVectorUsed: false).Value : double.PositiveInfinity;
        }, areExact: false);
    }

    private double[] Dnc(double[][] rows, int dimensions, int rounds, int drops)
    {
        int n = rows.Length, width = rows[0].Length;
        int[] dropped = new int[n];
        for (int round = 0; round < rounds; round++)
        {
            long[] columns = [.. Enumerable.Range(0, width)];
            if (dimensions < width)
            {
                columns = new long[dimensions];
                new RandomColumns().Draw(new SeededRandom(_seed, Purpose("dnc"), (ulong)round), width, columns);
            }

            double[][] sample = [.. rows.Select(row => columns.Select(column => row[column]).ToArray())];
            double[] isNear = [.. sample.Select(row => IsFinite(row) ? 1.0 : 0)];
            double[] t = [.. TopEigenpair(sample, isNear).Projections.Zip(isNear, (projection, near) => near == 0 ? double.PositiveInfinity : projection)];

            // Which one of equal rows is dropped matters where another round drops one of them again.
            double[][] things = rounds == 1 ? rows : [.. Enumerable.Range(0, n).Select(i => (double[])[i])];
            foreach (int i in Enumerable.Range(0, n).Except(Least(t, n - drops, things, t.Where(double.IsFinite).Max(), areExact: false))) dropped[i]++;
        }

        return Mean([.. rows.Where((_, i) => dropped[i] == dropped.Min())]);
    }

    /// <summary>Of the weighted covariance, d x d: its greatest eigenvalue, and the squared projection of each row with a weight, from the weighted mean, on the eigenvector.</summary>
    private (double Value, double[] Projections) TopEigenpair(double[][] rows, double[] weights, bool isVectorUsed = true)
    {
        double[] mean = WeightedMean(rows, weights);
        double[][] centred = [.. rows.Select((row, i) => weights[i] == 0 ? new double[row.Length] : row.Zip(mean, (x, m) => x - m).ToArray())];
        Matrix<double> matrix = Matrix<double>.Build.DenseOfRowArrays(centred);
        Matrix<double> covariance = matrix.Transpose() * Matrix<double>.Build.DenseOfDiagonalArray([.. weights.Select(weight => weight / weights.Sum())]) * matrix;
        var pairs = covariance.Evd(Symmetricity.Symmetric);
        int last = mean.Length - 1;
        if (isVectorUsed && last > 0 && pairs.EigenValues[last].Real > 0) Margin = Math.Min(Margin, EigenvectorShare * (1 - (pairs.EigenValues[last - 1].Real / pairs.EigenValues[last].Real)));
        double[] direction = [.. pairs.EigenVectors.Column(last)];
        return (pairs.EigenValues[last].Real, [.. centred.Select(row => Math.Pow(row.Zip(direction, (x, v) => x * v).Sum(), 2))]);
    }
}

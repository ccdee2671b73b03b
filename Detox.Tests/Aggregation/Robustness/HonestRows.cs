using Detox.Gpu;
using Detox.Tests.Aggregation.Plain;
using MathNet.Numerics.LinearAlgebra;

namespace Detox.Tests.Aggregation.Robustness;

/// <summary>The rows that are right, and how far they spread: what a promise is measured by.</summary>
public sealed class HonestRows
{
    public HonestRows(double[][] rows)
    {
        Mean = PlainRules.Mean(rows);
        Variance = rows.Average(row => PlainRules.SquaredDistance(row, Mean));
        Matrix<double> centred = Matrix<double>.Build.DenseOfRowArrays(rows.Select(row => row.Zip(Mean, (x, m) => x - m).ToArray()));
        TopEigenvalue = Math.Pow(centred.L2Norm(), 2) / rows.Length;
        Diameter = Math.Sqrt(rows.Max(row => rows.Max(other => PlainRules.SquaredDistance(row, other))));
        FirstSquaredDistance = PlainRules.SquaredDistance(rows[0], Mean);
    }

    public double[] Mean { get; }

    /// <summary>V: the mean squared distance from the mean.</summary>
    public double Variance { get; }

    /// <summary>Of the covariance, at most V.</summary>
    public double TopEigenvalue { get; }

    public double Diameter { get; }

    /// <summary>Of the first row from the mean.</summary>
    public double FirstSquaredDistance { get; }

    public static double[][] Exact(float[][] rows) => [.. rows.Select(row => Array.ConvertAll(row, x => (double)x))];

    /// <summary>Rows around a mean of any size; in some seeds one direction is much wider than the others, in some one row lies apart.</summary>
    public static float[][] Draw(int count, int width, ref SeededRandom random)
    {
        float size = MathF.Pow(10, random.NextFloat(-3, 3)), spread = MathF.Pow(10, random.NextFloat(-3, 1)) * size;
        float[] mean = new float[width], wide = new float[width];
        for (int j = 0; j < width; j++) mean[j] = size * random.NextFloat(-1, 1);
        if (random.NextInt(2) == 0) wide[random.NextInt(width)] = 5;
        float[][] rows = new float[count][];
        for (int i = 0; i < count; i++)
        {
            rows[i] = new float[width];
            for (int j = 0; j < width; j++) rows[i][j] = mean[j] + (spread * (1 + wide[j]) * random.NextFloat(-1, 1));
        }

        if (random.NextInt(3) == 0) rows[random.NextInt(count)][0] += 8 * spread;
        return rows;
    }
}

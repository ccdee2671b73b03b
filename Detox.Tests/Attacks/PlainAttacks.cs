using Detox.Gpu;

namespace Detox.Tests.Attacks;

/// <summary>The attacks once more, as plainly as can be, in double.</summary>
internal static class PlainAttacks
{
    public static double[] Mean(float[][] rows) => Columns(rows, column => column.Average());

    public static double[] Deviation(float[][] rows, int ddof)
        => Columns(rows, column => Math.Sqrt(column.Sum(x => Math.Pow(x - column.Average(), 2)) / (column.Length - ddof)));

    public static double[] Ipm(float[][] rows, double tau) => Array.ConvertAll(Mean(rows), x => -tau * x);

    public static double[] Alie(float[][] rows, double z, int ddof = 0) => Along(Mean(rows), z, Deviation(rows, ddof));

    /// <summary>Bisects for the largest gamma.</summary>
    public static double[] MinMax(float[][] rows)
    {
        double bound = rows.Max(x => rows.Max(y => Square(y, x)));
        return Largest(rows, point => rows.Max(x => Square(x, point)) <= bound);
    }

    /// <inheritdoc cref="MinMax"/>
    public static double[] MinSum(float[][] rows)
    {
        double bound = rows.Max(x => rows.Sum(y => Square(y, x)));
        return Largest(rows, point => rows.Sum(x => Square(x, point)) <= bound);
    }

    public static double[] Fang(float[][] rows, double b, ulong seed, long step)
    {
        SeededRandom draws = new(seed, 0xA77AC4, (ulong)step);
        return Columns(rows, column =>
        {
            double u = 1 + (draws.NextFloat() * (b - 1)), mean = column.Average();
            if (mean == 0) return 0;
            double extreme = mean > 0 ? column.Min() : column.Max();
            return Math.Sign(extreme) == Math.Sign(mean) ? extreme / u : extreme * u;
        });
    }

    /// <summary>The factors that the line search tries for a function, and the one that it chooses.</summary>
    public static (double Best, List<double> Tried) LineMaximise(Func<double, double> function, int evaluations = 20)
    {
        List<double> tried = [0];
        double best = 0, most = function(0), step = 10, next = 0;
        while (tried.Count < evaluations)
        {
            next = best + step;
            tried.Add(next);
            double value = function(next);
            if (!(value > most))
            {
                step *= 0.8;
                break;
            }

            (best, most) = (next, value);
            step *= 2;
        }

        while (tried.Count < evaluations)
        {
            if (next < best)
            {
                next += step;
            }
            else
            {
                double below = next - step;
                while (below < 0) below = (below + next) / 2;
                next = below;
            }

            tried.Add(next);
            double value = function(next);
            if (value > most) (best, most) = (next, value);
            step *= 0.8;
        }

        return (best, tried);
    }

    /// <summary>How far a plain rule's result of honest rows and f copies lies from the honest mean.</summary>
    public static double Damage(float[][] rows, double[] forged, int f, Func<double[][], double[]> rule)
    {
        double[] sent = Array.ConvertAll(forged, x => (double)(float)x);
        if (!Array.TrueForAll(sent, double.IsFinite)) return double.NegativeInfinity;
        double[][] all = [.. rows.Select(row => Array.ConvertAll(row, x => (double)x)), .. Enumerable.Repeat(sent, f)];
        return Math.Sqrt(rule(all).Zip(Mean(rows), (x, y) => (x - y) * (x - y)).Sum());
    }

    public static double[] Along(double[] origin, double factor, double[] direction) => [.. origin.Zip(direction, (x, y) => x + (factor * y))];

    private static double[] Largest(float[][] rows, Func<double[], bool> isWithin)
    {
        double[] mean = Mean(rows), direction = Array.ConvertAll(Deviation(rows, 0), x => -x);
        if (Array.TrueForAll(direction, x => x == 0)) return mean;
        double low = 0, high = 1;
        while (isWithin(Along(mean, high, direction))) (low, high) = (high, 2 * high);
        for (int i = 0; i < 100; i++)
        {
            double middle = (low + high) / 2;
            if (isWithin(Along(mean, middle, direction))) low = middle;
            else high = middle;
        }

        return Along(mean, low, direction);
    }

    private static double Square(float[] x, float[] y) => Square(x, Array.ConvertAll(y, value => (double)value));

    private static double Square(float[] x, double[] y) => x.Zip(y, (a, b) => (a - b) * (a - b)).Sum();

    private static double[] Columns(float[][] rows, Func<double[], double> of)
        => [.. Enumerable.Range(0, rows[0].Length).Select(j => of([.. rows.Select(row => (double)row[j])]))];
}

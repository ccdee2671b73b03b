namespace Detox.Tests.Aggregation.Plain;

/// <summary>Column by column.</summary>
internal sealed partial class PlainRules
{
    private static double TrimmedMean(double[] column, int trim) => Sorted(column)[trim..^trim].Average();

    private double MeanAround(double[] column, double centre, int keep)
    {
        double[] nearest = [.. Sorted(column).OrderBy(double.IsNaN).ThenBy(x => Math.Abs(x - centre))];

        // Each distance is one float32 subtraction: how close two of them are counts by the size of what is subtracted.
        foreach (double kept in nearest[..keep])
            foreach (double left in nearest[keep..])
                if (kept != left) Decide(Math.Abs(kept - centre), Math.Abs(left - centre), Math.Max(Math.Abs(kept), Math.Abs(left)), _areKeysExact);
        return nearest[..keep].Average();
    }

    private double SignMajority(double[] column)
    {
        double largest = column.Max(Math.Abs);
        foreach (double x in column.Where(x => x != 0)) Decide(x, 0, largest);
        return Math.Sign(column.Count(x => x > 0) - column.Count(x => x < 0));
    }

    /// <summary>Krum takes one row after another among those that are left; then per column the mean around the median of what it took.</summary>
    private double[] Bulyan(double[][] rows, int f)
    {
        List<double[]> left = [.. rows], taken = [];
        while (taken.Count < rows.Length - (2 * f))
        {
            double[][] among = [.. left];
            int best = Least(KrumScores(among, Math.Max(among.Length - f - 2, Math.Min(1, among.Length - 1))), 1, among, areMutual: true)[0];
            taken.Add(left[best]);
            left.RemoveAt(best);
        }

        return Columns([.. taken], column => MeanAround(column, Median(column), rows.Length - (4 * f)));
    }
}

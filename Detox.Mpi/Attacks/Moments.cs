namespace Detox.Mpi.Attacks;

/// <summary>Mean and standard deviation of a few values, summed in their order.</summary>
internal static class Moments
{
    public static double Mean(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values) sum += value;
        return sum / values.Length;
    }

    /// <param name="ddof">Taken off the divisor: 0 for a population's deviation, 1 for an unbiased variance.</param>
    public static double Deviation(ReadOnlySpan<double> values, double mean, int ddof)
    {
        double squares = 0;
        foreach (double value in values) squares += (value - mean) * (value - mean);
        return Math.Sqrt(squares / (values.Length - ddof));
    }
}

namespace Detox.Gpu.Kernels;

/// <summary>Coordinate-wise median of n rows: output[j] = the middle of x_0j, ..., x_(n-1)j in order.</summary>
/// <remarks>n even: the mean of the two middles, (low + high) * 0.5, as numpy.median. The order is
/// -inf, ..., -0, +0, ..., +inf, NaN: a NaN of either sign sorts above +inf, so fewer than n/2 NaN rows cannot reach the
/// output. Portable: selections and at most one add and one multiply; a NaN in the output is always the same one.
/// Source: Yin et al. 2018, "Byzantine-robust distributed learning: towards optimal statistical rates".</remarks>
internal static partial class CoordinateMedian
{
    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, Span<float> output)
    {
        int n = offsets.Length;
        int[] column = new int[n];
        for (int j = 0; j < output.Length; j++)
        {
            for (int i = 0; i < n; i++) column[i] = Order.Of(memory[(int)offsets[i] + j]);
            Array.Sort(column);
            output[j] = OfSorted(column);
        }
    }

    public static float OfSorted(ReadOnlySpan<int> column)
    {
        float low = Order.ToFloat(column[(column.Length - 1) / 2]);
        float high = Order.ToFloat(column[column.Length / 2]);
        return column.Length % 2 == 1 ? low : Order.CanonicalNaN((low + high) * 0.5f);
    }
}

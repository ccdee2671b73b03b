namespace Detox.Gpu.Kernels;

/// <summary>Down each column, the mean of the <c>keep</c> values nearest to the median: the last part of bulyan.</summary>
/// <remarks>The median is that of <see cref="CoordinateMedian"/>. The nearest values are a window of the column in order:
/// it starts at the lowest value and moves up by one as long as the value that would enter is strictly nearer to the
/// median than the one that would leave, each distance one float32 subtraction; so of two values equally near the lower
/// is kept. A NaN is never near: it is averaged only where fewer than <c>keep</c> values of the column are numbers.
/// Portable: the window is summed in its order from +0, then divided by <c>keep</c>; a NaN in the output is always the
/// same one. It does not depend on the order of the rows.
/// Source: El Mhamdi, Guerraoui, Rouault 2018, "The hidden vulnerability of distributed learning in Byzantium".</remarks>
internal static partial class MeanAroundMedian
{
    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, int keep, Span<float> output)
    {
        int n = offsets.Length;
        int[] column = new int[n];
        for (int j = 0; j < output.Length; j++)
        {
            for (int i = 0; i < n; i++) column[i] = Order.Of(memory[(int)offsets[i] + j]);
            Array.Sort(column);
            float median = CoordinateMedian.OfSorted(column);
            int start = 0;
            while (start < n - keep && Order.ToFloat(column[start + keep]) - median < median - Order.ToFloat(column[start])) start++;
            float sum = 0;
            for (int i = start; i < start + keep; i++) sum += Order.ToFloat(column[i]);
            output[j] = Order.CanonicalNaN(sum / keep);
        }
    }
}

namespace Detox.Gpu.Kernels;

/// <summary>A weighted sum of n rows: output[j] = (sum over i of weights[i] * x_ij) / divisor.</summary>
/// <remarks>A row whose weight is exactly 0 is left out, so a NaN in it is harmless; a NaN in any other row reaches the
/// output. With weights of 1 and a divisor of n this is the mean: sums of the rows in order, then one division.
/// Portable: the chain fma(weights[i], x_ij, sum) over ascending i from +0, then one division. Every NaN is the same NaN.</remarks>
internal static partial class WeightedSum
{
    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, ReadOnlySpan<float> weights, float divisor, Span<float> output)
    {
        for (int j = 0; j < output.Length; j++)
        {
            float sum = 0;
            for (int i = 0; i < offsets.Length; i++)
                if (weights[i] != 0)
                    sum = MathF.FusedMultiplyAdd(weights[i], memory[(int)offsets[i] + j], sum);
            output[j] = Order.CanonicalNaN(sum / divisor);
        }
    }
}

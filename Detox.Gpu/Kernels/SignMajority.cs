namespace Detox.Gpu.Kernels;

/// <summary>The majority of signs down each column: output[j] = sign(sum over i of sign(x_ij)), one of -1, +0, +1.</summary>
/// <remarks>A zero and a NaN have no vote; a tie gives +0. Bit-exact: counts of at most 2^24 rows are exact floats.
/// Source: Bernstein et al. 2019, "signSGD with majority vote is communication efficient and fault tolerant".</remarks>
internal static partial class SignMajority
{
    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, Span<float> output)
    {
        for (int j = 0; j < output.Length; j++)
        {
            int sum = 0;
            foreach (long offset in offsets)
            {
                float value = memory[(int)offset + j];
                sum += value > 0 ? 1 : value < 0 ? -1 : 0;
            }

            output[j] = Math.Sign(sum);
        }
    }
}

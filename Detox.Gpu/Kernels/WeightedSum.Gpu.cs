using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class WeightedSum
{
    /// <summary>One thread a column; neighbours read neighbouring floats.</summary>
    internal static void Kernel(
        Index1D j, ArrayView<float> memory, ArrayView<long> offsets, ArrayView<float> weights, int rows, float divisor, ArrayView<float> output)
    {
        float sum = 0;
        for (int i = 0; i < rows; i++)
        {
            float weight = weights[i];
            if (weight != 0) sum = Portable.Fma(weight, memory[offsets[i] + j], sum);
        }

        output[j] = Order.CanonicalNaN(Portable.Divide(sum, divisor));
    }
}

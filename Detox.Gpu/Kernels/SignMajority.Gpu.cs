using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class SignMajority
{
    /// <summary>One thread a column; neighbours read neighbouring floats.</summary>
    internal static void Kernel(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<float> output)
    {
        int sum = 0;
        for (int i = 0; i < rows; i++)
        {
            float value = memory[offsets[i] + j];
            if (Portable.Less(0, value)) sum++;
            if (Portable.Less(value, 0)) sum--;
        }

        float sign = 0;
        if (sum > 0) sign = 1;
        if (sum < 0) sign = -1;
        output[j] = sign;
    }
}

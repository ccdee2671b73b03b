using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class Addition
{
    /// <summary>One thread a sum.</summary>
    internal static void Kernel(Index1D i, int rectified, ArrayView<float> left, ArrayView<float> right, ArrayView<float> output)
    {
        float sum = Portable.Add(left[i], right[i]);
        if (rectified != 0 & Portable.Less(sum, 0)) sum = 0;
        output[i] = sum;
    }
}

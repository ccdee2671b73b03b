using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class Relu
{
    /// <summary>One thread a value.</summary>
    internal static void ForwardKernel(Index1D i, ArrayView<float> values)
    {
        if (Portable.Less(values[i], 0)) values[i] = 0;
    }

    /// <summary>One thread a value.</summary>
    internal static void BackwardKernel(Index1D i, ArrayView<float> values, ArrayView<float> gradient)
    {
        if (!Portable.Less(0, values[i])) gradient[i] = 0;
    }
}

using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class MovingAverage
{
    /// <summary>One thread a value.</summary>
    internal static void Kernel(Index1D i, ArrayView<float> running, ArrayView<float> values, float correction, float momentum)
        => running[i] = Portable.Fma(momentum, Portable.Subtract(Portable.Multiply(values[i], correction), running[i]), running[i]);
}

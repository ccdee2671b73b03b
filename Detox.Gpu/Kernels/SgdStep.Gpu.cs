using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class SgdStep
{
    /// <summary>One thread a weight.</summary>
    internal static void Kernel(
        Index1D i, ArrayView<float> weights, ArrayView<float> velocity, ArrayView<float> gradient, float rate, float momentum, float decay)
    {
        velocity[i] = Portable.Fma(momentum, velocity[i], Portable.Fma(decay, weights[i], gradient[i]));
        weights[i] = Portable.Fma(-rate, velocity[i], weights[i]);
    }
}

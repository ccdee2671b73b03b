namespace Detox.Gpu.Kernels;

/// <summary>One step of stochastic gradient descent with momentum and weight decay, in place.</summary>
/// <remarks>velocity = fma(momentum, velocity, fma(decay, weight, gradient)); weight = fma(-rate, velocity, weight): torch.optim.SGD's
/// formula without dampening, with fused products. A NaN in the gradient stays in velocity and weight. Portable.</remarks>
internal static partial class SgdStep
{
    public static void Reference(
        Span<float> weights,
        Span<float> velocity,
        ReadOnlySpan<float> gradient,
        float rate,
        float momentum,
        float decay)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            velocity[i] = MathF.FusedMultiplyAdd(momentum, velocity[i], MathF.FusedMultiplyAdd(decay, weights[i], gradient[i]));
            weights[i] = MathF.FusedMultiplyAdd(-rate, velocity[i], weights[i]);
        }
    }
}

namespace Detox.Gpu.Kernels;

/// <summary>A running value moves towards a new one, in place.</summary>
/// <remarks>running = fma(momentum, value * correction - running, running); the product is rounded before the difference is taken. A NaN
/// stays. Portable.</remarks>
internal static partial class MovingAverage
{
    public static void Reference(Span<float> running, ReadOnlySpan<float> values, float correction, float momentum)
    {
        for (int i = 0; i < running.Length; i++)
            running[i] = MathF.FusedMultiplyAdd(momentum, (values[i] * correction) - running[i], running[i]);
    }
}

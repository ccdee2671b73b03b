namespace Detox.Gpu.Kernels;

/// <summary>Chains of fused multiply-adds and nothing else: what a device's arithmetic can do at best.</summary>
/// <remarks>Each value becomes fma(value, 0.5, 1), as many times as there are rounds; a NaN stays one. Portable.</remarks>
internal static partial class FmaChains
{
    public const float Factor = 0.5f;
    public const float Summand = 1;

    public static void Reference(Span<float> values, int rounds)
    {
        foreach (ref float value in values)
            for (int round = 0; round < rounds; round++) value = MathF.FusedMultiplyAdd(value, Factor, Summand);
    }
}

namespace Detox.Gpu.Kernels;

/// <summary>The rectifier, in place.</summary>
/// <remarks>Forward: x &lt; 0 becomes +0; everything else, a NaN and -0 included, stays. Backward: the gradient stays where the
/// forward's result is above 0, else it becomes +0. Portable.</remarks>
internal static partial class Relu
{
    public static void ForwardReference(Span<float> values)
    {
        foreach (ref float x in values) x = x < 0 ? 0 : x;
    }

    public static void BackwardReference(ReadOnlySpan<float> values, Span<float> gradient)
    {
        for (int i = 0; i < values.Length; i++) gradient[i] = values[i] > 0 ? gradient[i] : 0;
    }
}

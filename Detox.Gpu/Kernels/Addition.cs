namespace Detox.Gpu.Kernels;

/// <summary>The sum of two vectors, with an optional rectifier behind it.</summary>
/// <remarks>output[i] = left[i] + right[i], rectified as <see cref="Relu"/> does. The output may be one of the two. A NaN stays. Portable.</remarks>
internal static partial class Addition
{
    public static void Reference(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> output, bool rectified)
    {
        for (int i = 0; i < output.Length; i++) output[i] = left[i] + right[i];
        if (rectified) Relu.ForwardReference(output);
    }
}

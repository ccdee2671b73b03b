using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Batch normalisation by given statistics.</summary>
/// <remarks>Operands as in <see cref="BatchNormForward"/>; there may be no rows. The formula stands at <see cref="BatchNorm"/>. Portable.</remarks>
/// <param name="Addend">What is added to the normalised values, or null.</param>
/// <param name="Rectified">Whether values below 0 become 0.</param>
public readonly partial record struct BatchNormEvaluate(int Channels, View Input, View Scale, View Shift, View Statistics, View? Addend, View Output, bool Rectified) : IOp, IVectorOp
{
    /// <param name="addend">Empty where nothing is added.</param>
    public static void Reference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        ReadOnlySpan<float> statistics,
        ReadOnlySpan<float> addend,
        Span<float> output,
        bool rectified)
    {
        for (int at = 0; at < input.Length; at++)
        {
            int c = at % channels;
            float value = MathF.FusedMultiplyAdd(input[at] - statistics[c], scale[c] * BatchNorm.Inverse(statistics[channels + c]), shift[c]);
            output[at] = addend.IsEmpty ? value : value + addend[at];
        }

        if (rectified) ReluForward.Reference(output);
    }

    public void Check()
    {
        _ = BatchNorm.Rows(Channels, Input);
        Scale.Expect(Channels);
        Shift.Expect(Channels);
        Statistics.Expect(2L * Channels);
        Addend?.Expect(Input.Length);
        Output.Expect(Input.Length);
    }

    public void Reference() => Reference(Channels, Input.Floats, Scale.Floats, Shift.Floats, Statistics.Floats, Addend is { } addend ? addend.Floats : [], Output.Floats, Rectified);
}

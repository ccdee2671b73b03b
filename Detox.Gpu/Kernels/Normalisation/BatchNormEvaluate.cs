using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Batch normalisation by given statistics.</summary>
/// <remarks>Operands as in <see cref="BatchNormForward"/>; there may be no rows. The formula stands at <see cref="BatchNorm"/>. Portable.</remarks>
/// <param name="Rectified">Whether values below 0 become 0.</param>
public readonly partial record struct BatchNormEvaluate(int Channels, View Input, View Scale, View Shift, View Statistics, View Output, bool Rectified) : IOp, IVectorOp
{
    public static void Reference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        ReadOnlySpan<float> statistics,
        Span<float> output,
        bool rectified)
    {
        for (int at = 0; at < input.Length; at++)
        {
            int c = at % channels;
            output[at] = MathF.FusedMultiplyAdd(input[at] - statistics[c], scale[c] * BatchNorm.Inverse(statistics[channels + c]), shift[c]);
        }

        if (rectified) ReluForward.Reference(output);
    }

    public void Check()
    {
        _ = BatchNorm.Rows(Channels, Input);
        Scale.Expect(Channels);
        Shift.Expect(Channels);
        Statistics.Expect(2L * Channels);
        Output.Expect(Input.Length);
    }

    public void Reference() => Reference(Channels, Input.Floats, Scale.Floats, Shift.Floats, Statistics.Floats, Output.Floats, Rectified);
}

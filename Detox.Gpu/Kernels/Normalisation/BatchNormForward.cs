using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Batch normalisation in training: by the batch's own statistics, which are written.</summary>
/// <remarks>input, output: rows x channels, at least one row; scale, shift: one float a channel; statistics: the channels' means, then
/// their variances. The formula, the order of sums and what a NaN does stand at <see cref="BatchNorm"/>. The output may be the
/// input or the addend; nothing else may overlap. Portable.</remarks>
/// <param name="Addend">What is added to the normalised values, or null.</param>
/// <param name="Rectified">Whether values below 0 become 0.</param>
public readonly partial record struct BatchNormForward(int Channels, View Input, View Scale, View Shift, View Statistics, View? Addend, View Output, bool Rectified) : IOp, IVectorOp
{
    /// <param name="addend">Empty where nothing is added.</param>
    public static void Reference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        Span<float> statistics,
        ReadOnlySpan<float> addend,
        Span<float> output,
        bool rectified)
    {
        int rows = input.Length / channels;
        for (int c = 0; c < channels; c++)
        {
            float total = 0, squares = 0;
            for (int start = 0; start < rows; start += BatchNorm.Chunk)
            {
                float sum = 0;
                for (int p = start; p < Math.Min(start + BatchNorm.Chunk, rows); p++) sum += input[(p * channels) + c];
                total += sum;
            }

            float mean = total / rows;
            for (int start = 0; start < rows; start += BatchNorm.Chunk)
            {
                float sum = 0;
                for (int p = start; p < Math.Min(start + BatchNorm.Chunk, rows); p++)
                {
                    float distance = input[(p * channels) + c] - mean;
                    sum = MathF.FusedMultiplyAdd(distance, distance, sum);
                }

                squares += sum;
            }

            statistics[c] = mean;
            statistics[channels + c] = squares / rows;
        }

        BatchNormEvaluate.Reference(channels, input, scale, shift, statistics, addend, output, rectified);
    }

    public void Check()
    {
        BatchNorm.ExpectRows(Channels, Input);
        Scale.Expect(Channels);
        Shift.Expect(Channels);
        Statistics.Expect(2L * Channels);
        Addend?.Expect(Input.Length);
        Output.Expect(Input.Length);
    }

    public void Reference() => Reference(Channels, Input.Floats, Scale.Floats, Shift.Floats, Statistics.Floats, Addend is { } addend ? addend.Floats : [], Output.Floats, Rectified);
}

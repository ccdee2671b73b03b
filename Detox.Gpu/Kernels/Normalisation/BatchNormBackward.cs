using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What the gradient of a batch normalisation's output means for its input, scale and shift.</summary>
/// <remarks>Operands as in <see cref="BatchNormForward"/>, whose statistics and output these are; at least one row. The formula, the order
/// of sums and what a NaN does stand at <see cref="BatchNorm"/>. Where the output was rectified, its gradient passes the rectifier first, in
/// place: what is left of it then is the gradient of an addend. The input's gradient may be the output's; nothing else that is written may
/// overlap anything. Portable.</remarks>
/// <param name="Output">Read only where it was rectified.</param>
/// <param name="InputGradient">Null where it is not wanted.</param>
public readonly partial record struct BatchNormBackward(
    int Channels,
    View Input,
    View Output,
    View OutputGradient,
    View Scale,
    View Statistics,
    View? InputGradient,
    View ScaleGradient,
    View ShiftGradient,
    bool Rectified) : IOp, IVectorOp
{
    /// <param name="inputGradient">Empty where it is not wanted.</param>
    public static void Reference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> output,
        Span<float> outputGradient,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> statistics,
        Span<float> inputGradient,
        Span<float> scaleGradient,
        Span<float> shiftGradient,
        bool rectified)
    {
        if (rectified) ReluBackward.Reference(output, outputGradient);
        int rows = input.Length / channels;
        for (int c = 0; c < channels; c++)
        {
            float mean = statistics[c], inverse = BatchNorm.Inverse(statistics[channels + c]), total = 0, moment = 0;
            for (int start = 0; start < rows; start += BatchNorm.Chunk)
            {
                float sum = 0, product = 0;
                for (int at = (start * channels) + c; at < Math.Min(start + BatchNorm.Chunk, rows) * channels; at += channels)
                {
                    sum += outputGradient[at];
                    product = MathF.FusedMultiplyAdd(outputGradient[at], input[at] - mean, product);
                }

                total += sum;
                moment += product;
            }

            shiftGradient[c] = total;
            scaleGradient[c] = moment * inverse;
            if (inputGradient.IsEmpty) continue;
            float level = total / rows, slope = scaleGradient[c] * inverse / rows, factor = scale[c] * inverse;
            for (int at = c; at < input.Length; at += channels)
                inputGradient[at] = factor * MathF.FusedMultiplyAdd(mean - input[at], slope, outputGradient[at] - level);
        }
    }

    public void Check()
    {
        BatchNorm.ExpectRows(Channels, Input);
        Output.Expect(Input.Length);
        OutputGradient.Expect(Input.Length);
        Scale.Expect(Channels);
        Statistics.Expect(2L * Channels);
        InputGradient?.Expect(Input.Length);
        ScaleGradient.Expect(Channels);
        ShiftGradient.Expect(Channels);
    }

    public void Reference()
        => Reference(
            Channels,
            Input.Floats,
            Output.Floats,
            OutputGradient.Floats,
            Scale.Floats,
            Statistics.Floats,
            InputGradient is { } wanted ? wanted.Floats : [],
            ScaleGradient.Floats,
            ShiftGradient.Floats,
            Rectified);

    /// <summary>From a channel's sums: the gradient of its scale, and what the input's gradient is made of.</summary>
    private readonly struct Terms
    {
        public Terms(float total, float moment, float scale, float variance, int rows)
        {
            float inverse = BatchNorm.Inverse(variance);
            ScaleGradient = Portable.Multiply(moment, inverse);
            Level = Portable.Divide(total, rows);
            Slope = Portable.Divide(Portable.Multiply(ScaleGradient, inverse), rows);
            Factor = Portable.Multiply(scale, inverse);
        }

        public float ScaleGradient { get; }

        public float Level { get; }

        public float Slope { get; }

        public float Factor { get; }
    }
}

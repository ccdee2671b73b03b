namespace Detox.Gpu.Kernels;

/// <summary>Convolution (cross-correlation) of images by kernels, with an optional bias.</summary>
/// <remarks>input: samples x height x width x channels; weights: taps x outputs; output: samples x positions x outputs.
/// <see cref="ConvolutionShape.IsWinograd"/>: as <see cref="Winograd"/> says, + bias. Else
/// output = (the chain fma(pixel, weight, sum) over the taps, kernel row, kernel column, channel ascending, from +0) + bias; padding
/// takes part as +0. A NaN reaches the outputs that see it. Portable.</remarks>
internal static partial class ConvolutionForward
{
    public static void Reference(
        in ConvolutionShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> weights,
        ReadOnlySpan<float> bias,
        Span<float> output)
    {
        if (shape.IsWinograd)
        {
            Winograd.Forward(shape, samples, input, weights, bias, output);
            return;
        }

        int at = 0;
        for (int sample = 0; sample < samples; sample++)
        {
            ReadOnlySpan<float> image = input.Slice(sample * shape.InputLength, shape.InputLength);
            for (int position = 0; position < shape.Positions; position++)
            {
                for (int n = 0; n < shape.Outputs; n++, at++)
                {
                    float sum = 0;
                    for (int tap = 0; tap < shape.Taps; tap++)
                        sum = MathF.FusedMultiplyAdd(Patch.Pixel(shape, image, position, tap), weights[(tap * shape.Outputs) + n], sum);
                    output[at] = bias.IsEmpty ? sum : sum + bias[n];
                }
            }
        }
    }
}

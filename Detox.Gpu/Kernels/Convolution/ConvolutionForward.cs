using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Convolution (cross-correlation) of images by kernels, with an optional bias.</summary>
/// <remarks>input: samples x height x width x channels; weights: taps x outputs; output: samples x positions x outputs.
/// <see cref="ConvolutionShape.IsWinograd"/>: as <see cref="Winograd"/> says, + bias. Else
/// output = (the chain fma(pixel, weight, sum) over the taps, kernel row, kernel column, channel ascending, from +0) + bias; padding
/// takes part as +0. A NaN reaches the outputs that see it. Portable.</remarks>
/// <param name="Bias">One float an output, or null.</param>
public readonly partial record struct ConvolutionForward(ConvolutionShape Shape, int Samples, View Input, View Weights, View? Bias, View Output) : IOp, IVectorOp
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
            WinogradForward.Reference(shape, samples, input, weights, isTurned: false, bias, output);
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

    public void Check()
    {
        Shape.ExpectCountable(Samples);
        Input.Expect((long)Samples * Shape.InputLength);
        Weights.Expect(Shape.WeightLength);
        if (Bias is { } bias) bias.Expect(Shape.Outputs, nameof(Bias));
        Output.Expect((long)Samples * Shape.OutputLength);
    }

    public void Reference() => Reference(Shape, Samples, Input.Floats, Weights.Floats, Bias is { } bias ? bias.Floats : [], Output.Floats);

    public void Run(CpuDevice device)
    {
        if (Output.Length == 0) return;
        if (Shape.IsWinograd) ByTiles.Run(device);
        else device.AtItsWidth(this);
    }

    private int Rows => Samples * Shape.Positions;

    private WinogradForward ByTiles => new(Shape, Samples, Input, Weights, IsTurned: false, Bias, Output);
}

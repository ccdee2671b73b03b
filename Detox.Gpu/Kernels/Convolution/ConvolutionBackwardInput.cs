using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>The gradient of a convolution's input: what the output's gradient means for it.</summary>
/// <remarks><see cref="ConvolutionShape.IsWinograd"/>: the forward of <see cref="Winograd.Turned"/>. Else every output position gives each pixel under one of its taps the chain fma(output gradient, weight, sum) over the
/// outputs, ascending, from +0; a pixel adds what it is given, starting from +0, in ascending order of the positions. Portable.</remarks>
public readonly partial record struct ConvolutionBackwardInput(ConvolutionShape Shape, int Samples, View OutputGradient, View Weights, View InputGradient) : IOp, IVectorOp
{
    public static void Reference(
        in ConvolutionShape shape,
        int samples,
        ReadOnlySpan<float> outputGradient,
        ReadOnlySpan<float> weights,
        Span<float> inputGradient)
    {
        if (shape.IsWinograd)
        {
            WinogradForward.Reference(Winograd.Turned(shape), samples, outputGradient, weights, isTurned: true, [], inputGradient);
            return;
        }

        inputGradient.Clear();
        for (int sample = 0; sample < samples; sample++)
        {
            Span<float> image = inputGradient.Slice(sample * shape.InputLength, shape.InputLength);
            for (int position = 0; position < shape.Positions; position++)
            {
                ReadOnlySpan<float> gradient = outputGradient.Slice(((sample * shape.Positions) + position) * shape.Outputs, shape.Outputs);
                for (int tap = 0; tap < shape.Taps; tap++)
                {
                    int index = Patch.Index(shape, position, tap);
                    if (index < 0) continue;
                    float sum = 0;
                    for (int n = 0; n < shape.Outputs; n++)
                        sum = MathF.FusedMultiplyAdd(gradient[n], weights[(tap * shape.Outputs) + n], sum);
                    image[index] += sum;
                }
            }
        }
    }

    public void Check()
    {
        Shape.ExpectCountable(Samples);
        OutputGradient.Expect((long)Samples * Shape.OutputLength);
        Weights.Expect(Shape.WeightLength);
        InputGradient.Expect((long)Samples * Shape.InputLength);
    }

    public void Reference() => Reference(Shape, Samples, OutputGradient.Floats, Weights.Floats, InputGradient.Floats);

    public void Run(CpuDevice device)
    {
        if (InputGradient.Length == 0) return;
        if (Shape.IsWinograd) ByTiles.Run(device);
        else device.AtItsWidth(this);
    }

    internal WinogradForward ByTiles => new(Winograd.Turned(Shape), Samples, OutputGradient, Weights, IsTurned: true, null, InputGradient);
}

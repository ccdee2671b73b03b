using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>The gradients of a convolution's weights and, where it is wanted, of its bias.</summary>
/// <remarks>Weights, <see cref="ConvolutionShape.IsWinograd"/>: as <see cref="Winograd"/> says. Else a weight's gradient sums over all positions of all samples, in that order, cut in chunks of <see cref="Chunk"/>
/// positions: each chunk is the chain fma(pixel, output gradient, sum) from +0, and the chunks are added in ascending order. The bias adds
/// the output gradients in the same chunks. Without samples all gradients are 0. Portable.</remarks>
/// <param name="BiasGradient">One float an output, or null.</param>
public readonly partial record struct ConvolutionBackwardWeights(
    ConvolutionShape Shape, int Samples, View Input, View OutputGradient, View WeightsGradient, View? BiasGradient) : IOp, IVectorOp
{
    /// <summary>Positions in a chunk.</summary>
    public const int Chunk = 512;

    public static void Reference(
        in ConvolutionShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> outputGradient,
        Span<float> weightsGradient,
        Span<float> biasGradient)
    {
        weightsGradient.Clear();
        biasGradient.Clear();
        if (shape.IsWinograd) WinogradBackwardWeights.Reference(shape, samples, input, outputGradient, weightsGradient);
        int positions = samples * shape.Positions, taps = shape.IsWinograd ? 0 : shape.Taps;
        for (int start = 0; start < positions; start += Chunk)
        {
            int end = Math.Min(start + Chunk, positions);
            for (int n = 0; n < shape.Outputs; n++)
            {
                for (int tap = 0; tap < taps; tap++)
                {
                    float sum = 0;
                    for (int p = start; p < end; p++)
                    {
                        ReadOnlySpan<float> image = input.Slice(p / shape.Positions * shape.InputLength, shape.InputLength);
                        sum = MathF.FusedMultiplyAdd(
                            Patch.Pixel(shape, image, p % shape.Positions, tap), outputGradient[(p * shape.Outputs) + n], sum);
                    }

                    ref float total = ref weightsGradient[(tap * shape.Outputs) + n];
                    total = start == 0 ? sum : total + sum;
                }

                if (biasGradient.IsEmpty) continue;
                float column = 0;
                for (int p = start; p < end; p++) column += outputGradient[(p * shape.Outputs) + n];
                biasGradient[n] = start == 0 ? column : biasGradient[n] + column;
            }
        }
    }

    public void Check()
    {
        Shape.ExpectCountable(Samples);
        Input.Expect((long)Samples * Shape.InputLength);
        OutputGradient.Expect((long)Samples * Shape.OutputLength);
        WeightsGradient.Expect(Shape.WeightLength);
        if (BiasGradient is { } bias) bias.Expect(Shape.Outputs, nameof(BiasGradient));
    }

    public void Reference()
        => Reference(Shape, Samples, Input.Floats, OutputGradient.Floats, WeightsGradient.Floats, BiasGradient is { } bias ? bias.Floats : []);

    public void Run(CpuDevice device)
    {
        if (Positions == 0) Clear(device);
        else device.AtItsWidth(this);
    }

    private int Positions => Samples * Shape.Positions;

    internal WinogradBackwardWeights ByTiles => new(Shape, Samples, Input, OutputGradient, WeightsGradient);

    private void Clear(Device device)
    {
        device.Run(new Fill(WeightsGradient, 0));
        if (BiasGradient is { } bias) device.Run(new Fill(bias, 0));
    }
}

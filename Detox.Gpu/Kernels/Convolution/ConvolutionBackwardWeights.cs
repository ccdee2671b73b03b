namespace Detox.Gpu.Kernels;

/// <summary>The gradients of a convolution's weights and of its bias.</summary>
/// <remarks>Weights, <see cref="ConvolutionShape.IsWinograd"/>: as <see cref="Winograd"/> says. Else a weight's gradient sums over all positions of all samples, in that order, cut in chunks of <see cref="Chunk"/>
/// positions: each chunk is the chain fma(pixel, output gradient, sum) from +0, and the chunks are added in ascending order. The bias adds
/// the output gradients in the same chunks. Portable.</remarks>
internal static partial class ConvolutionBackwardWeights
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
        if (shape.IsWinograd) Winograd.BackwardWeights(shape, samples, input, outputGradient, weightsGradient);
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
}

namespace Detox.Gpu.Kernels;

/// <summary>Batch normalisation of rows (samples x positions) x channels, channel by channel, with an optional rectifier behind it.</summary>
/// <remarks>A channel's sums go down the rows in chunks of <see cref="Chunk"/> rows, each a chain from +0; the chunks are added in
/// ascending order from +0. With n rows: mean = (sum of x) / n; variance = (chain fma(x - mean, x - mean, sum)) / n, the biased one;
/// inverse = 1 / sqrt(variance + epsilon); factor = scale * inverse; output = fma(x - mean, factor, shift), rectified as
/// <see cref="Relu"/> does. Backward, with g the output's gradient, +0 where a rectified output is not above 0: shift' = sum of g; scale' =
/// (chain fma(g, x - mean, sum)) * inverse; input' = factor * fma(mean - x, (scale' * inverse) / n, g - shift' / n).
/// statistics: the channels' means, then their variances. A NaN reaches its whole channel. At most 2^24 rows. Portable. Source:
/// Ioffe, Szegedy 2015, "Batch Normalization".</remarks>
internal static partial class BatchNorm
{
    /// <summary>Rows in a chunk.</summary>
    public const int Chunk = 128;

    public const float Epsilon = 1e-5f;

    /// <summary>In training: the batch's own statistics, which are written.</summary>
    public static void ForwardReference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> shift,
        Span<float> statistics,
        Span<float> output,
        bool rectified)
    {
        int rows = input.Length / channels;
        for (int c = 0; c < channels; c++)
        {
            float total = 0, squares = 0;
            for (int start = 0; start < rows; start += Chunk)
            {
                float sum = 0;
                for (int p = start; p < Math.Min(start + Chunk, rows); p++) sum += input[(p * channels) + c];
                total += sum;
            }

            float mean = total / rows;
            for (int start = 0; start < rows; start += Chunk)
            {
                float sum = 0;
                for (int p = start; p < Math.Min(start + Chunk, rows); p++)
                {
                    float distance = input[(p * channels) + c] - mean;
                    sum = MathF.FusedMultiplyAdd(distance, distance, sum);
                }

                squares += sum;
            }

            statistics[c] = mean;
            statistics[channels + c] = squares / rows;
        }

        EvaluateReference(channels, input, scale, shift, statistics, output, rectified);
    }

    /// <summary>With given statistics.</summary>
    public static void EvaluateReference(
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
            output[at] = MathF.FusedMultiplyAdd(input[at] - statistics[c], scale[c] * Inverse(statistics[channels + c]), shift[c]);
        }

        if (rectified) ReluForward.Reference(output);
    }

    /// <param name="output">What the forward pass gave; read only where it was rectified.</param>
    /// <param name="inputGradient">Empty where it is not wanted.</param>
    public static void BackwardReference(
        int channels,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> output,
        ReadOnlySpan<float> outputGradient,
        ReadOnlySpan<float> scale,
        ReadOnlySpan<float> statistics,
        Span<float> inputGradient,
        Span<float> scaleGradient,
        Span<float> shiftGradient,
        bool rectified)
    {
        int rows = input.Length / channels;
        for (int c = 0; c < channels; c++)
        {
            float mean = statistics[c], inverse = Inverse(statistics[channels + c]), total = 0, moment = 0;
            for (int start = 0; start < rows; start += Chunk)
            {
                float sum = 0, product = 0;
                for (int at = (start * channels) + c; at < Math.Min(start + Chunk, rows) * channels; at += channels)
                {
                    float g = rectified && !(output[at] > 0) ? 0 : outputGradient[at];
                    sum += g;
                    product = MathF.FusedMultiplyAdd(g, input[at] - mean, product);
                }

                total += sum;
                moment += product;
            }

            shiftGradient[c] = total;
            scaleGradient[c] = moment * inverse;
            if (inputGradient.IsEmpty) continue;
            float level = total / rows, slope = scaleGradient[c] * inverse / rows, factor = scale[c] * inverse;
            for (int at = c; at < input.Length; at += channels)
            {
                float g = rectified && !(output[at] > 0) ? 0 : outputGradient[at];
                inputGradient[at] = factor * MathF.FusedMultiplyAdd(mean - input[at], slope, g - level);
            }
        }
    }

    private static float Inverse(float variance) => 1 / Portable.Sqrt(variance + Epsilon);
}

using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class BatchNorm
{
    /// <summary>One thread a channel and chunk: its sum.</summary>
    internal static void SumKernel(Index1D at, int channels, int rows, ArrayView<float> input, ArrayView<float> sums)
    {
        int first = at / channels * Chunk, end = first + Chunk;
        if (end > rows) end = rows;
        int c = at % channels;
        float sum = 0;
        for (int p = first; p < end; p++) sum = Portable.Add(sum, input[(p * channels) + c]);
        sums[at] = sum;
    }

    /// <summary>One thread a channel and chunk: its sum of squared distances from the mean.</summary>
    internal static void SquaresKernel(Index1D at, int channels, int rows, ArrayView<float> input, ArrayView<float> means, ArrayView<float> sums)
    {
        int first = at / channels * Chunk, end = first + Chunk;
        if (end > rows) end = rows;
        int c = at % channels;
        float sum = 0, mean = means[c];
        for (int p = first; p < end; p++)
        {
            float distance = Portable.Subtract(input[(p * channels) + c], mean);
            sum = Portable.Fma(distance, distance, sum);
        }

        sums[at] = sum;
    }

    /// <summary>One thread a channel: the mean of its chunks' sums.</summary>
    internal static void MeanKernel(Index1D c, int channels, int rows, ArrayView<float> sums, ArrayView<float> means)
        => means[c] = Portable.Divide(Total(c, channels, rows, sums), rows);

    /// <summary>One thread a channel.</summary>
    internal static void FactorKernel(Index1D c, ArrayView<float> scale, ArrayView<float> variances, ArrayView<float> factors)
        => factors[c] = Portable.Multiply(scale[c], PortableInverse(variances[c]));

    /// <summary>One thread a value.</summary>
    internal static void NormaliseKernel(
        Index1D at,
        int channels,
        int rectified,
        ArrayView<float> input,
        ArrayView<float> means,
        ArrayView<float> factors,
        ArrayView<float> shift,
        ArrayView<float> output)
    {
        int c = at % channels;
        float value = Portable.Fma(Portable.Subtract(input[at], means[c]), factors[c], shift[c]);
        if (rectified != 0 & Portable.Less(value, 0)) value = 0;
        output[at] = value;
    }

    /// <summary>One thread a channel and chunk: the sums of the gradient, and of its products with the distances from the mean.</summary>
    internal static void BackwardSumKernel(
        Index1D at,
        int channels,
        int rows,
        int rectified,
        ArrayView<float> input,
        ArrayView<float> output,
        ArrayView<float> outputGradient,
        ArrayView<float> means,
        ArrayView<float> sums,
        ArrayView<float> moments)
    {
        int first = at / channels * Chunk, end = first + Chunk;
        if (end > rows) end = rows;
        int c = at % channels;
        float sum = 0, moment = 0, mean = means[c];
        for (int p = first; p < end; p++)
        {
            int i = (p * channels) + c;
            float g = outputGradient[i];
            if (rectified != 0 & !Portable.Less(0, output[i])) g = 0;
            sum = Portable.Add(sum, g);
            moment = Portable.Fma(g, Portable.Subtract(input[i], mean), moment);
        }

        sums[at] = sum;
        moments[at] = moment;
    }

    /// <summary>One thread a channel: the gradients of scale and shift, and what the input's gradient is made of.</summary>
    internal static void BackwardTermsKernel(
        Index1D c,
        int channels,
        int rows,
        ArrayView<float> sums,
        ArrayView<float> moments,
        ArrayView<float> variances,
        ArrayView<float> scaleGradient,
        ArrayView<float> shiftGradient,
        ArrayView<float> levels,
        ArrayView<float> slopes)
    {
        float total = Total(c, channels, rows, sums), inverse = PortableInverse(variances[c]);
        float gradient = Portable.Multiply(Total(c, channels, rows, moments), inverse);
        shiftGradient[c] = total;
        scaleGradient[c] = gradient;
        levels[c] = Portable.Divide(total, rows);
        slopes[c] = Portable.Divide(Portable.Multiply(gradient, inverse), rows);
    }

    /// <summary>One thread a value.</summary>
    internal static void BackwardKernel(
        Index1D at,
        int channels,
        int rectified,
        ArrayView<float> input,
        ArrayView<float> output,
        ArrayView<float> outputGradient,
        ArrayView<float> means,
        ArrayView<float> factors,
        ArrayView<float> levels,
        ArrayView<float> slopes,
        ArrayView<float> inputGradient)
    {
        int c = at % channels;
        float g = outputGradient[at];
        if (rectified != 0 & !Portable.Less(0, output[at])) g = 0;
        float value = Portable.Fma(Portable.Subtract(means[c], input[at]), slopes[c], Portable.Subtract(g, levels[c]));
        inputGradient[at] = Portable.Multiply(factors[c], value);
    }

    private static float Total(int c, int channels, int rows, ArrayView<float> sums)
    {
        float total = 0;
        for (int start = 0, at = c; start < rows; start += Chunk, at += channels) total = Portable.Add(total, sums[at]);
        return total;
    }

    private static float PortableInverse(float variance) => Portable.Divide(1, Portable.Sqrt(Portable.Add(variance, Epsilon)));
}

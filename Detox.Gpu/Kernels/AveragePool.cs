namespace Detox.Gpu.Kernels;

/// <summary>The mean over all positions of an image, channel by channel.</summary>
/// <remarks>input: samples x positions x channels; output: samples x channels. Forward: the positions' values, added in ascending order
/// from +0, then one division by their number. Backward: each position gets the output's gradient, divided by their number. A NaN
/// reaches its channel's output. Portable.</remarks>
internal static partial class AveragePool
{
    public static void ForwardReference(int samples, int positions, int channels, ReadOnlySpan<float> input, Span<float> output)
    {
        for (int at = 0; at < samples * channels; at++)
        {
            int first = (at / channels * positions * channels) + (at % channels);
            float sum = 0;
            for (int p = 0; p < positions; p++) sum += input[first + (p * channels)];
            output[at] = sum / positions;
        }
    }

    public static void BackwardReference(int samples, int positions, int channels, ReadOnlySpan<float> outputGradient, Span<float> inputGradient)
    {
        for (int at = 0; at < samples * positions * channels; at++)
            inputGradient[at] = outputGradient[(at / channels / positions * channels) + (at % channels)] / positions;
    }
}

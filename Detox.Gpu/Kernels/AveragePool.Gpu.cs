using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class AveragePool
{
    /// <summary>One thread an output.</summary>
    internal static void ForwardKernel(Index1D at, int positions, int channels, ArrayView<float> input, ArrayView<float> output)
    {
        int first = (at / channels * positions * channels) + (at % channels);
        float sum = 0;
        for (int p = 0; p < positions; p++) sum = Portable.Add(sum, input[first + (p * channels)]);
        output[at] = Portable.Divide(sum, positions);
    }

    /// <summary>One thread an input.</summary>
    internal static void BackwardKernel(Index1D at, int positions, int channels, ArrayView<float> outputGradient, ArrayView<float> inputGradient)
        => inputGradient[at] = Portable.Divide(outputGradient[(at / channels / positions * channels) + (at % channels)], positions);
}

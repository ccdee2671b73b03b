using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionBackwardWeights
{
    /// <summary>One thread a weight and chunk: sums holds the chunks' gradients one after another.</summary>
    internal static void ChunkKernel(
        Index1D at, ConvolutionShape shape, int positions, ArrayView<float> input, ArrayView<float> outputGradient, ArrayView<float> sums)
    {
        int n = at % shape.Outputs, tap = at / shape.Outputs % shape.Taps, start = at / shape.Outputs / shape.Taps * Chunk;
        int end = start + Chunk;
        if (end > positions) end = positions;
        float sum = 0;
        for (int p = start; p < end; p++)
        {
            int index = Patch.Index(shape, p % shape.Positions, tap);
            float pixel = 0;
            if (index >= 0) pixel = input[(p / shape.Positions * shape.InputLength) + index];
            sum = Portable.Fma(pixel, outputGradient[(p * shape.Outputs) + n], sum);
        }

        sums[at] = sum;
    }

    /// <summary>One thread an output and chunk.</summary>
    internal static void BiasChunkKernel(Index1D at, int outputs, int positions, ArrayView<float> outputGradient, ArrayView<float> sums)
    {
        int n = at % outputs, start = at / outputs * Chunk;
        int end = start + Chunk;
        if (end > positions) end = positions;
        float sum = 0;
        for (int p = start; p < end; p++) sum = Portable.Add(sum, outputGradient[(p * outputs) + n]);
        sums[at] = sum;
    }

    /// <summary>One thread a gradient: adds its chunks in their order.</summary>
    internal static void AddKernel(Index1D at, int chunks, ArrayView<float> sums, ArrayView<float> gradient)
    {
        int length = (int)gradient.Length;
        float total = sums[at];
        for (int chunk = 1; chunk < chunks; chunk++) total = Portable.Add(total, sums[(chunk * length) + at]);
        gradient[at] = total;
    }
}

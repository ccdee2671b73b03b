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
        int channel = tap % shape.Channels, column = tap / shape.Channels % shape.Kernel, row = tap / shape.Channels / shape.Kernel;

        // The place of the first position; then position after position, without another division.
        int ox = start % shape.OutputWidth, oy = start / shape.OutputWidth % shape.OutputHeight;
        int image = start / shape.Positions * shape.InputLength, gradient = (start * shape.Outputs) + n;
        float sum = 0;
        for (int p = start; p < end; p++, gradient += shape.Outputs)
        {
            int y = (oy * shape.Stride) + row - shape.Padding, x = (ox * shape.Stride) + column - shape.Padding;
            float pixel = 0;
            if (y >= 0 & y < shape.Height & x >= 0 & x < shape.Width) pixel = input[image + (((y * shape.Width) + x) * shape.Channels) + channel];
            sum = Portable.Fma(pixel, outputGradient[gradient], sum);
            ox++;
            if (ox < shape.OutputWidth) continue;
            ox = 0;
            oy++;
            if (oy < shape.OutputHeight) continue;
            oy = 0;
            image += shape.InputLength;
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

using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionForward
{
    /// <summary>One thread an output.</summary>
    internal static void Kernel(
        Index1D at, ConvolutionShape shape, ArrayView<float> input, ArrayView<float> weights, ArrayView<float> bias, int hasBias, ArrayView<float> output)
    {
        int n = at % shape.Outputs, row = at / shape.Outputs;
        int position = row % shape.Positions, image = row / shape.Positions * shape.InputLength;
        float sum = 0;
        for (int tap = 0; tap < shape.Taps; tap++)
        {
            int index = Patch.Index(shape, position, tap);
            float pixel = 0;
            if (index >= 0) pixel = input[image + index];
            sum = Portable.Fma(pixel, weights[(tap * shape.Outputs) + n], sum);
        }

        if (hasBias != 0) sum = Portable.Add(sum, bias[n]);
        output[at] = sum;
    }
}

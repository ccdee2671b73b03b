using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionBackwardInput
{
    /// <summary>One thread a pixel: it gathers what the positions around it give it, in their order.</summary>
    internal static void Kernel(
        Index1D at, ConvolutionShape shape, ArrayView<float> outputGradient, ArrayView<float> weights, ArrayView<float> inputGradient)
    {
        int channel = at % shape.Channels, pixel = at / shape.Channels;
        int x = (pixel % shape.Width) + shape.Padding, y = (pixel / shape.Width % shape.Height) + shape.Padding;
        int sample = pixel / shape.Width / shape.Height;
        float total = 0;
        for (int oy = 0; oy < shape.OutputHeight; oy++)
        {
            int row = y - (oy * shape.Stride);
            if (row < 0 || row >= shape.Kernel) continue;
            for (int ox = 0; ox < shape.OutputWidth; ox++)
            {
                int column = x - (ox * shape.Stride);
                if (column < 0 || column >= shape.Kernel) continue;
                int gradient = ((sample * shape.Positions) + (oy * shape.OutputWidth) + ox) * shape.Outputs;
                int weight = ((((row * shape.Kernel) + column) * shape.Channels) + channel) * shape.Outputs;
                float sum = 0;
                for (int n = 0; n < shape.Outputs; n++) sum = Portable.Fma(outputGradient[gradient + n], weights[weight + n], sum);
                total = Portable.Add(total, sum);
            }
        }

        inputGradient[at] = total;
    }
}

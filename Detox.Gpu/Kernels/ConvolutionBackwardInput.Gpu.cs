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
        int firstY = First(y, shape), firstX = First(x, shape);
        int lastY = y / shape.Stride, lastX = x / shape.Stride;
        if (lastY >= shape.OutputHeight) lastY = shape.OutputHeight - 1;
        if (lastX >= shape.OutputWidth) lastX = shape.OutputWidth - 1;
        float total = 0;
        for (int oy = firstY; oy <= lastY; oy++)
        {
            int row = y - (oy * shape.Stride);
            for (int ox = firstX; ox <= lastX; ox++)
            {
                int column = x - (ox * shape.Stride);
                int gradient = ((sample * shape.Positions) + (oy * shape.OutputWidth) + ox) * shape.Outputs;
                int weight = ((((row * shape.Kernel) + column) * shape.Channels) + channel) * shape.Outputs;
                float sum = 0;
                for (int n = 0; n < shape.Outputs; n++) sum = Portable.Fma(outputGradient[gradient + n], weights[weight + n], sum);
                total = Portable.Add(total, sum);
            }
        }

        inputGradient[at] = total;
    }

    /// <summary>The first output row (or column) whose kernel reaches a row of the padded image.</summary>
    private static int First(int place, ConvolutionShape shape)
    {
        int before = place - shape.Kernel + shape.Stride;
        return before < 0 ? 0 : before / shape.Stride;
    }
}

using ILGPU;

namespace Detox.Gpu.Kernels;

internal static partial class ConvolutionForward
{
    /// <summary>Outputs of one position that a thread computes: a pixel is read once for all of them.</summary>
    public const int Tile = 4;

    /// <summary>Threads of one position.</summary>
    public static int Tiles(in ConvolutionShape shape) => (shape.Outputs + Tile - 1) / Tile;

    /// <summary>One thread a position and tile of outputs. Beyond the last output a tile repeats it.</summary>
    internal static void Kernel(
        Index1D at, ConvolutionShape shape, ArrayView<float> input, ArrayView<float> weights, ArrayView<float> bias, int hasBias, ArrayView<float> output)
    {
        int outputs = shape.Outputs, channels = shape.Channels, last = outputs - 1;
        int tiles = (outputs + Tile - 1) / Tile;
        int n0 = at % tiles, row = at / tiles, position = row % shape.Positions;

        // A tile's outputs lie apart, so that neighbouring threads read neighbouring weights.
        int n1 = n0 + tiles < last ? n0 + tiles : last, n2 = n0 + (2 * tiles) < last ? n0 + (2 * tiles) : last;
        int n3 = n0 + (3 * tiles) < last ? n0 + (3 * tiles) : last;
        int image = row / shape.Positions * shape.InputLength;
        int top = (position / shape.OutputWidth * shape.Stride) - shape.Padding, left = (position % shape.OutputWidth * shape.Stride) - shape.Padding;
        float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
        int weight = 0;
        for (int y = top; y < top + shape.Kernel; y++)
        {
            for (int x = left; x < left + shape.Kernel; x++)
            {
                bool inside = y >= 0 & y < shape.Height & x >= 0 & x < shape.Width;
                int pixels = image + (((y * shape.Width) + x) * channels);
                for (int c = 0; c < channels; c++, weight += outputs)
                {
                    float pixel = 0;
                    if (inside) pixel = input[pixels + c];
                    sum0 = Portable.Fma(pixel, weights[weight + n0], sum0);
                    sum1 = Portable.Fma(pixel, weights[weight + n1], sum1);
                    sum2 = Portable.Fma(pixel, weights[weight + n2], sum2);
                    sum3 = Portable.Fma(pixel, weights[weight + n3], sum3);
                }
            }
        }

        if (hasBias != 0)
        {
            sum0 = Portable.Add(sum0, bias[n0]);
            sum1 = Portable.Add(sum1, bias[n1]);
            sum2 = Portable.Add(sum2, bias[n2]);
            sum3 = Portable.Add(sum3, bias[n3]);
        }

        int to = row * outputs;
        output[to + n3] = sum3;
        output[to + n2] = sum2;
        output[to + n1] = sum1;
        output[to + n0] = sum0;
    }
}

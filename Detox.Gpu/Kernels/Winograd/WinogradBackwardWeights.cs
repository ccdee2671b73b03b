using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>The gradient of a convolution's weights by <see cref="Winograd"/>'s tiles.</summary>
internal readonly partial record struct WinogradBackwardWeights(ConvolutionShape Shape, int Samples, View Input, View OutputGradient, View WeightsGradient) : IOp, IVectorOp
{
    public static void Reference(
        in ConvolutionShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> outputGradient,
        Span<float> weightsGradient)
    {
        int tiles = samples * Winograd.Tiles(shape), outputs = shape.Outputs, channels = shape.Channels;
        float[] data = Winograd.DataPlaces(shape, samples, input), gradients = Winograd.GradientPlaces(shape, samples, outputGradient);
        Span<float> products = stackalloc float[Winograd.Places], made = stackalloc float[shape.Kernel * shape.Kernel];
        for (int c = 0; c < channels; c++)
        {
            for (int n = 0; n < outputs; n++)
            {
                for (int place = 0; place < Winograd.Places; place++)
                {
                    float total = 0;
                    for (int start = 0; start < tiles; start += Winograd.Chunk)
                    {
                        float sum = 0;
                        for (int tile = start; tile < Math.Min(start + Winograd.Chunk, tiles); tile++)
                            sum = MathF.FusedMultiplyAdd(data[(((place * tiles) + tile) * channels) + c], gradients[(((place * tiles) + tile) * outputs) + n], sum);
                        total = start == 0 ? sum : total + sum;
                    }

                    products[place] = total;
                }

                Winograd.Square(Winograd.KernelGradientLine, Winograd.Reach, shape.Kernel, products, made);
                for (int tap = 0; tap < made.Length; tap++) weightsGradient[(((tap * channels) + c) * outputs) + n] = made[tap];
            }
        }
    }

    public void Check() => new ConvolutionBackwardWeights(Shape, Samples, Input, OutputGradient, WeightsGradient, null).Check();

    public void Reference() => Reference(Shape, Samples, Input.Floats, OutputGradient.Floats, WeightsGradient.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);
}

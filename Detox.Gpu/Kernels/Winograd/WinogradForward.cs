using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>A convolution by <see cref="Winograd"/>'s tiles; with turned weights the gradient of a convolution's input.</summary>
/// <param name="Shape">As it is; or <see cref="Winograd.Turned"/>, for the gradient of the input.</param>
/// <param name="Weights">Those of the convolution, in either case.</param>
/// <param name="IsTurned">Whether the weights are those of the convolution of which the shape is the turned one.</param>
internal readonly partial record struct WinogradForward(
    ConvolutionShape Shape, int Samples, View Input, View Weights, bool IsTurned, View? Bias, View Output) : IOp, IVectorOp
{
    public static void Reference(
        in ConvolutionShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> weights,
        bool isTurned,
        ReadOnlySpan<float> bias,
        Span<float> output)
    {
        int tiles = samples * Winograd.Tiles(shape), outputs = shape.Outputs, channels = shape.Channels;
        float[] data = Winograd.DataPlaces(shape, samples, input);
        float[] kernels = Winograd.KernelPlaces(shape, isTurned ? Winograd.TurnedWeights(Winograd.Turned(shape), weights) : weights);
        Span<float> products = stackalloc float[Winograd.Places], made = stackalloc float[Winograd.Tile * Winograd.Tile];
        for (int tile = 0; tile < tiles; tile++)
        {
            for (int n = 0; n < outputs; n++)
            {
                for (int place = 0; place < Winograd.Places; place++)
                {
                    float sum = 0;
                    for (int c = 0; c < channels; c++)
                        sum = MathF.FusedMultiplyAdd(data[(((place * tiles) + tile) * channels) + c], kernels[(((place * channels) + c) * outputs) + n], sum);
                    products[place] = sum;
                }

                Winograd.Square(Winograd.OutputLine, Winograd.Reach, Winograd.Tile, products, made);
                for (int at = 0; at < made.Length; at++)
                {
                    int index = Winograd.OutputIndex(shape, tile, at, n);
                    if (index >= 0) output[index] = bias.IsEmpty ? made[at] : made[at] + bias[n];
                }
            }
        }
    }

    public void Check() => new ConvolutionForward(Shape, Samples, Input, Weights, Bias, Output).Check();

    public void Reference() => Reference(Shape, Samples, Input.Floats, Weights.Floats, IsTurned, Bias is { } bias ? bias.Floats : [], Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);
}

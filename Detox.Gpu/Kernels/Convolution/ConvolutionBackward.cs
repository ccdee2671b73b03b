using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>All gradients of a convolution: <see cref="ConvolutionBackwardWeights"/> and, where that is wanted, <see cref="ConvolutionBackwardInput"/>.</summary>
/// <remarks>On a GPU the two share launches where both go by tiles. Portable.</remarks>
/// <param name="BiasGradient">One float an output, or null.</param>
/// <param name="InputGradient">Null where it is not wanted.</param>
public readonly record struct ConvolutionBackward(
    ConvolutionShape Shape, int Samples, View Input, View OutputGradient, View Weights, View WeightsGradient, View? BiasGradient, View? InputGradient) : IOp
{
    private ConvolutionBackwardWeights ToWeights => new(Shape, Samples, Input, OutputGradient, WeightsGradient, BiasGradient);

    private ConvolutionBackwardInput? ToInput => InputGradient is { } wanted ? new(Shape, Samples, OutputGradient, Weights, wanted) : null;

    public void Check()
    {
        ToWeights.Check();
        ToInput?.Check();
    }

    public void Reference()
    {
        ToWeights.Reference();
        ToInput?.Reference();
    }

    public void Run(CpuDevice device)
    {
        ToWeights.Run(device);
        ToInput?.Run(device);
    }

    public void Run(IlgpuDevice device)
    {
        if (Shape.IsWinograd && Samples > 0 && ToInput is { } toInput)
        {
            WinogradBackward.Run(device, ToWeights.ByTiles, toInput.ByTiles);
            ToWeights.SumBias(device);
            return;
        }

        ToWeights.Run(device);
        ToInput?.Run(device);
    }
}

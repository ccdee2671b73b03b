using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Networks;

/// <summary>A convolution with a bias; a fully connected layer is one of a 1 x 1 image.</summary>
internal sealed class ConvolutionLayer(string name, ConvolutionShape shape) : Layer
{
    public override int InputLength => shape.InputLength;

    public override int OutputLength => shape.OutputLength;

    public override int FanIn => shape.Taps;

    public override double ForwardFlops => 2.0 * shape.Positions * shape.Taps * shape.Outputs;

    public override IReadOnlyList<(string Name, int[] Shape)> Parameters { get; } =
    [
        ($"{name}.weight", shape.Positions == 1 && shape.Kernel == 1 ? [shape.Channels, shape.Outputs] : [shape.Kernel, shape.Kernel, shape.Channels, shape.Outputs]),
        ($"{name}.bias", [shape.Outputs]),
    ];

    public override void Forward(Device device, int samples, View weights, View input, View output)
        => device.ConvolutionForward(shape, samples, input, Kernel(weights), Bias(weights), output);

    public override void Backward(
        Device device, int samples, View weights, View input, View output, View outputGradient, View? inputGradient, View weightsGradient)
    {
        device.ConvolutionBackwardWeights(shape, samples, input, outputGradient, Kernel(weightsGradient), Bias(weightsGradient));
        if (inputGradient is { } wanted) device.ConvolutionBackwardInput(shape, samples, outputGradient, Kernel(weights), wanted);
    }

    private View Kernel(View parameters) => parameters.Slice(0, shape.WeightLength);

    private View Bias(View parameters) => parameters.Slice(shape.WeightLength, shape.Outputs);
}

/// <summary>The rectifier, in place.</summary>
internal sealed class ReluLayer(int length) : Layer
{
    public override int InputLength => length;

    public override int OutputLength => length;

    public override bool IsInPlace => true;

    public override void Forward(Device device, int samples, View weights, View input, View output) => device.ReluForward(output);

    public override void Backward(
        Device device, int samples, View weights, View input, View output, View outputGradient, View? inputGradient, View weightsGradient)
        => device.ReluBackward(output, outputGradient);
}

/// <summary>The largest value of each window.</summary>
internal sealed class MaxPoolLayer(PoolShape shape) : Layer
{
    public override int InputLength => shape.InputLength;

    public override int OutputLength => shape.OutputLength;

    public override void Forward(Device device, int samples, View weights, View input, View output)
        => device.MaxPoolForward(shape, samples, input, output);

    public override void Backward(
        Device device, int samples, View weights, View input, View output, View outputGradient, View? inputGradient, View weightsGradient)
    {
        if (inputGradient is { } wanted) device.MaxPoolBackward(shape, samples, input, output, outputGradient, wanted);
    }
}

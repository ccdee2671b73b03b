using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Networks;

/// <summary>A convolution, with a bias or without; a fully connected layer is one of a 1 x 1 image.</summary>
/// <param name="flattened">The image that a fully connected layer reads as one pixel; null where the layer is none.</param>
internal sealed class ConvolutionLayer(string name, ConvolutionShape shape, bool hasBias = true, Value? flattened = null) : Layer
{
    public override string Kind => "convolution";

    public override int InputLength => shape.InputLength;

    public override int OutputLength => shape.OutputLength;

    public override double ForwardFlops => 2.0 * shape.Positions * shape.Taps * shape.Outputs;

    public override IReadOnlyList<(string Name, int[] Shape)> Parameters { get; } =
    [
        ($"{name}.weight", flattened is not null ? [shape.Channels, shape.Outputs] : [shape.Kernel, shape.Kernel, shape.Channels, shape.Outputs]),
        .. hasBias ? [($"{name}.bias", [shape.Outputs])] : Array.Empty<(string, int[])>(),
    ];

    public override int[] AxesOf(int parameter)
        => parameter == 0 && flattened is { } image ? [image.Height, image.Width, image.Channels, shape.Outputs] : base.AxesOf(parameter);

    /// <summary>He's uniform initialisation: weights within sqrt(6 / fan-in) of 0, biases 0.</summary>
    /// <remarks>Source: He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers".</remarks>
    public override void InitialiseParameter(int parameter, SeededRandom random, Span<float> values)
    {
        if (parameter != 0) return;
        float bound = MathF.Sqrt(6f / shape.Taps);
        foreach (ref float value in values) value = random.NextFloat(-bound, bound);
    }

    public override void Forward(in Pass pass)
        => pass.Device.Run(new ConvolutionForward(shape, pass.Samples, pass.Input, Kernel(pass.Weights), Bias(pass.Weights), pass.Output));

    public override void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient)
        => pass.Device.Run(new ConvolutionBackward(
            shape, pass.Samples, pass.Input, outputGradient, Kernel(pass.Weights), Kernel(weightsGradient), Bias(weightsGradient), inputGradient));

    private View Kernel(View parameters) => parameters.Slice(0, shape.WeightLength);

    private View? Bias(View parameters) => hasBias ? parameters.Slice(shape.WeightLength, shape.Outputs) : null;
}

/// <summary>The rectifier, in place.</summary>
internal sealed class ReluLayer(int length) : Layer
{
    public override string Kind => "rectifier";

    public override int InputLength => length;

    public override int OutputLength => length;

    public override bool IsInPlace => true;

    public override bool PassesGradientTo(int input) => true;

    public override void Forward(in Pass pass) => pass.Device.Run(new ReluForward(pass.Output));

    public override void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient)
        => pass.Device.Run(new ReluBackward(pass.Output, outputGradient));
}

/// <summary>The largest value of each window.</summary>
internal sealed class MaxPoolLayer(PoolShape shape) : Layer
{
    public override string Kind => "max pool";

    public override int InputLength => shape.InputLength;

    public override int OutputLength => shape.OutputLength;

    public override void Forward(in Pass pass) => pass.Device.Run(new MaxPoolForward(shape, pass.Samples, pass.Input, pass.Output));

    public override void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient)
    {
        if (inputGradient is { } wanted) pass.Device.Run(new MaxPoolBackward(shape, pass.Samples, pass.Input, pass.Output, outputGradient, wanted));
    }
}

/// <summary>The mean over all positions of an image.</summary>
internal sealed class AveragePoolLayer(int positions, int channels) : Layer
{
    public override string Kind => "average pool";

    public override int InputLength => positions * channels;

    public override int OutputLength => channels;

    public override void Forward(in Pass pass) => pass.Device.Run(new AveragePoolForward(pass.Samples, positions, channels, pass.Input, pass.Output));

    public override void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient)
    {
        if (inputGradient is { } wanted) pass.Device.Run(new AveragePoolBackward(pass.Samples, positions, channels, outputGradient, wanted));
    }
}

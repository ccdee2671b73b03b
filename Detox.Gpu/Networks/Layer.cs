using Detox.Gpu.Devices;

namespace Detox.Gpu.Networks;

/// <summary>Parameters of a network that belong together, and their place in the flat vector.</summary>
/// <param name="Name">"conv1.weight".</param>
public sealed record Parameter(string Name, int[] Shape, int Offset, int Length)
{
    /// <summary>The shape, with the inputs of a linear layer as the image that it reads: height, width, channels, outputs.</summary>
    public int[] Axes { get; init; } = Shape;

    /// <summary>Whether these are a layer's weights: no bias, and no scale or shift of a normalisation, which have one axis.</summary>
    public bool IsMatrix => Shape.Length >= 2 && Name.EndsWith(".weight", StringComparison.Ordinal);
}

/// <summary>What a layer reads and writes when a batch passes through it.</summary>
/// <param name="Statistics">Of the batch, which the forward pass writes in training; in evaluation the running ones, which it reads.</param>
/// <param name="Input">The first of the layer's inputs.</param>
/// <param name="Addend">The second one; null where the layer has one input.</param>
internal readonly record struct Pass(Device Device, int Samples, bool IsTraining, View Weights, View Statistics, View Input, View? Addend, View Output);

/// <summary>One step of a network from input to output and back. It holds no floats of its own: the network owns them all.</summary>
internal abstract class Layer
{
    public abstract int InputLength { get; }

    public abstract int OutputLength { get; }

    /// <summary>What it does, in a word or two.</summary>
    public abstract string Kind { get; }

    /// <summary>Whether the output takes the input's place.</summary>
    public virtual bool IsInPlace => false;

    /// <summary>Whether the output's gradient, as <see cref="Backward"/> leaves it, is the gradient of the input of this number; so it is for all but the first.</summary>
    public virtual bool PassesGradientTo(int input) => false;

    /// <summary>The shapes of the parameters, by name, in their order in the flat vector.</summary>
    public virtual IReadOnlyList<(string Name, int[] Shape)> Parameters => [];

    /// <summary>What is <see cref="Parameter.Axes"/> of one of the parameters.</summary>
    public virtual int[] AxesOf(int parameter) => Parameters[parameter].Shape;

    /// <summary>The lengths of the batch statistics, by name, in their order.</summary>
    public virtual IReadOnlyList<(string Name, int Length)> Statistics => [];

    /// <summary>Multiplications and additions of one sample's forward pass; each backward product costs as many.</summary>
    public virtual double ForwardFlops => 0;

    /// <summary>Sets the values of one of the parameters, which are 0, as training begins.</summary>
    public virtual void InitialiseParameter(int parameter, SeededRandom random, Span<float> values)
    {
    }

    /// <summary>Sets the running statistics, which are 0, as training begins.</summary>
    public virtual void InitialiseStatistics(Span<float> values)
    {
    }

    public abstract void Forward(in Pass pass);

    /// <param name="inputGradient">The first input's. Null where that is the image, which needs none, or where the output's gradient is passed to it.</param>
    public abstract void Backward(in Pass pass, View outputGradient, View? inputGradient, View weightsGradient);

    /// <summary>The running statistics follow those of a batch.</summary>
    public virtual void MoveStatistics(Device device, int samples, View running, View batch)
    {
    }
}

using Detox.Gpu.Devices;

namespace Detox.Gpu.Networks;

/// <summary>Parameters of a network that belong together, and their place in the flat vector.</summary>
/// <param name="Name">"conv1.weight".</param>
public sealed record Parameter(string Name, int[] Shape, int Offset, int Length)
{
    /// <summary>Whether these are a layer's weights: no bias, and no scale or shift of a normalisation, which have one axis.</summary>
    public bool IsMatrix => Shape.Length >= 2 && Name.EndsWith(".weight", StringComparison.Ordinal);
}

/// <summary>One step of a network from input to output and back. It holds no floats of its own: the network owns them all.</summary>
internal abstract class Layer
{
    public abstract int InputLength { get; }

    public abstract int OutputLength { get; }

    /// <summary>Whether the output takes the input's place.</summary>
    public virtual bool IsInPlace => false;

    /// <summary>The shapes of the parameters, by name, in their order in the flat vector.</summary>
    public virtual IReadOnlyList<(string Name, int[] Shape)> Parameters => [];

    /// <summary>The inputs that one output adds up, by which weights are initialised.</summary>
    public virtual int FanIn => 1;

    /// <summary>Multiplications and additions of one sample's forward pass; each backward product costs as many.</summary>
    public virtual double ForwardFlops => 0;

    public abstract void Forward(Device device, int samples, View weights, View input, View output);

    /// <param name="inputGradient">Null for the first layer, whose input needs none.</param>
    public abstract void Backward(
        Device device, int samples, View weights, View input, View output, View outputGradient, View? inputGradient, View weightsGradient);
}

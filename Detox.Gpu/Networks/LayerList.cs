using Detox.Gpu.Kernels;

namespace Detox.Gpu.Networks;

/// <summary>What a layer gives: an image, the channels of a pixel side by side.</summary>
/// <param name="Index">0: the network's own image; i + 1: what layer i gives.</param>
internal readonly record struct Value(int Index, int Height, int Width, int Channels)
{
    public int Length => Height * Width * Channels;
}

/// <summary>A layer and the values that it reads, by their index.</summary>
internal sealed record Node(Layer Layer, params int[] Inputs);

/// <summary>Builds a network's layers one after another; each takes what the one before gives, or what <see cref="From"/> goes back to.</summary>
internal sealed class LayerList(int height, int width, int channels)
{
    private readonly List<Node> _nodes = [];
    private readonly HashSet<int> _overwritten = [];

    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>What the next layer reads.</summary>
    public Value Current { get; private set; } = new(0, height, width, channels);

    /// <summary>The next layer reads an earlier value, which is then read more than once.</summary>
    public LayerList From(Value value)
    {
        Current = value;
        return this;
    }

    public LayerList Convolution(string name, int kernel, int outputs, int stride = 1, int padding = 0, bool bias = true)
    {
        int least = kernel - (2 * padding);
        if (Current.Height < least || Current.Width < least)
            throw new ArgumentException($"{name} takes images of at least {least} x {least} pixels, and here they are {Current.Height} x {Current.Width}; take a smaller model, such as mlp.");
        ConvolutionShape shape = new(Current.Height, Current.Width, Current.Channels, kernel, outputs, stride, padding);
        return Add(new ConvolutionLayer(name, shape, bias), shape.OutputHeight, shape.OutputWidth, outputs);
    }

    /// <param name="rectified">Whether a rectifier follows; it is the same as <see cref="Relu"/>, and cheaper.</param>
    /// <param name="addend">An earlier value of the same form that is added before the rectifier: a residual connection.</param>
    public LayerList BatchNorm(string name, bool rectified = false, Value? addend = null)
    {
        if (addend is { } added && added with { Index = Current.Index } != Current)
            throw new InvalidOperationException($"An image of {added.Height} x {added.Width} x {added.Channels} cannot be added to one of {Current.Height} x {Current.Width} x {Current.Channels}.");
        BatchNormLayer layer = new(name, Current.Height * Current.Width, Current.Channels, rectified);
        return Add(layer, Current.Height, Current.Width, Current.Channels, addend is { } other ? [other.Index] : []);
    }

    public LayerList MaxPool(int window)
    {
        PoolShape shape = new(Current.Height, Current.Width, Current.Channels, window);
        return Add(new MaxPoolLayer(shape), shape.OutputHeight, shape.OutputWidth, Current.Channels);
    }

    /// <summary>The mean over the whole image.</summary>
    public LayerList AveragePool() => Add(new AveragePoolLayer(Current.Height * Current.Width, Current.Channels), 1, 1, Current.Channels);

    public LayerList Relu() => Add(new ReluLayer(Current.Length), Current.Height, Current.Width, Current.Channels);

    public LayerList Linear(string name, int outputs)
    {
        if (Current.Length == 0) throw new ArgumentException($"nothing of the image is left for {name}; take a smaller model, such as mlp.");
        return Add(new ConvolutionLayer(name, ConvolutionShape.Linear(Current.Length, outputs), flattened: Current), 1, 1, outputs);
    }

    /// <summary>The model takes images of at least this size only; an ArgumentException says so.</summary>
    public LayerList Require(string model, int least)
    {
        if (Current.Height >= least && Current.Width >= least) return this;
        throw new ArgumentException($"{model} takes images of at least {least} x {least} pixels, and here they are {Current.Height} x {Current.Width}; take a smaller model, such as lenet or mlp.");
    }

    private LayerList Add(Layer layer, int height, int width, int channels, params ReadOnlySpan<int> others)
    {
        int[] inputs = [Current.Index, .. others];
        foreach (int input in inputs)
            if (_overwritten.Contains(input)) throw new InvalidOperationException($"Layer {_nodes.Count} reads value {input}, whose place another layer's output has taken.");
        if (layer.IsInPlace && _nodes.Exists(node => node.Inputs.Contains(Current.Index)))
            throw new InvalidOperationException($"Layer {_nodes.Count} takes the place of value {Current.Index}, which another layer needs.");
        if (layer.IsInPlace) _overwritten.Add(Current.Index);
        _nodes.Add(new Node(layer, inputs));
        Current = new Value(_nodes.Count, height, width, channels);
        return this;
    }
}

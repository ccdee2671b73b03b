using Detox.Gpu.Kernels;

namespace Detox.Gpu.Networks;

/// <summary>Builds a network's layers one after another; each takes what the one before gives.</summary>
internal sealed class LayerList(int height, int width, int channels)
{
    private readonly List<Layer> _layers = [];
    private int _height = height;
    private int _width = width;
    private int _channels = channels;

    public IReadOnlyList<Layer> Layers => _layers;

    public LayerList Convolution(string name, int kernel, int outputs)
    {
        if (_height < kernel || _width < kernel)
            throw new ArgumentException($"{name} takes images of at least {kernel} x {kernel} pixels, and here they are {_height} x {_width}; take a smaller model, such as mlp.");
        ConvolutionShape shape = new(_height, _width, _channels, kernel, outputs);
        return Add(new ConvolutionLayer(name, shape), shape.OutputHeight, shape.OutputWidth, outputs);
    }

    public LayerList MaxPool(int window)
    {
        PoolShape shape = new(_height, _width, _channels, window);
        return Add(new MaxPoolLayer(shape), shape.OutputHeight, shape.OutputWidth, _channels);
    }

    public LayerList Relu() => Add(new ReluLayer(_height * _width * _channels), _height, _width, _channels);

    public LayerList Linear(string name, int outputs)
    {
        int inputs = _height * _width * _channels;
        if (inputs == 0) throw new ArgumentException($"nothing of the image is left for {name}; take a smaller model, such as mlp.");
        return Add(new ConvolutionLayer(name, ConvolutionShape.Linear(inputs, outputs)), 1, 1, outputs);
    }

    private LayerList Add(Layer layer, int height, int width, int channels)
    {
        _layers.Add(layer);
        (_height, _width, _channels) = (height, width, channels);
        return this;
    }
}

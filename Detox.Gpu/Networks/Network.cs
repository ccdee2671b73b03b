using Detox.Gpu.Devices;

namespace Detox.Gpu.Networks;

/// <summary>A model on a device: its layers, its activations, and the flat vector of its parameters.</summary>
/// <remarks>What it computes is the same bits on every device. All memory is taken when it is created.</remarks>
public sealed class Network : IDisposable
{
    private const ulong InitialisationKey = 0x1A17;
    private static readonly (string Name, Func<LayerList, int, LayerList> Build)[] _models =
        [("lenet", LeNet.Build), ("mlp", Mlp.Build), ("softmax", SoftmaxRegression.Build)];

    private readonly Device _device;
    private readonly IReadOnlyList<Layer> _layers;
    private readonly int[] _offsets;
    private readonly DeviceBuffer _input;
    private readonly DeviceBuffer[] _outputs;
    private readonly DeviceBuffer _gradient;
    private readonly DeviceBuffer _otherGradient;
    private readonly float[] _logits;
    private readonly float[] _exponentials;

    private Network(string model, Device device, IReadOnlyList<Layer> layers, int classes, int batch)
    {
        Model = model;
        Batch = batch;
        Classes = classes;
        _device = device;
        _layers = layers;
        _offsets = new int[layers.Count + 1];
        List<Parameter> parameters = [];
        for (int i = 0; i < layers.Count; i++)
        {
            int offset = _offsets[i];
            foreach ((string name, int[] shape) in layers[i].Parameters)
            {
                int length = shape.Aggregate(1, (product, side) => checked(product * side));
                parameters.Add(new Parameter(name, shape, offset, length));
                offset = checked(offset + length);
            }

            _offsets[i + 1] = offset;
        }

        Parameters = parameters;
        _input = device.Allocate((long)batch * InputLength);
        _outputs = new DeviceBuffer[layers.Count];
        for (int i = 0; i < layers.Count; i++)
            _outputs[i] = layers[i].IsInPlace ? i == 0 ? _input : _outputs[i - 1] : device.Allocate((long)batch * layers[i].OutputLength);
        int widest = layers.Max(layer => layer.OutputLength);
        _gradient = device.Allocate((long)batch * widest);
        _otherGradient = device.Allocate((long)batch * widest);
        _logits = new float[batch * classes];
        _exponentials = new float[classes];
    }

    /// <summary>The names that <see cref="Create"/> knows.</summary>
    public static IReadOnlyList<string> Models { get; } = Array.ConvertAll(_models, model => model.Name);

    public string Model { get; }

    /// <summary>The most samples of one call.</summary>
    public int Batch { get; }

    /// <summary>Floats of one image: height x width x channels, the channels of a pixel side by side.</summary>
    public int InputLength => _layers[0].InputLength;

    public int Classes { get; }

    /// <summary>d.</summary>
    public int ParameterCount => _offsets[^1];

    /// <summary>Floats of batch statistics that the forward pass takes besides the gradient.</summary>
    public int StatisticsCount => 0;

    /// <summary>Floats that are voted on: the gradient, the statistics, the mean loss.</summary>
    public int PayloadLength => ParameterCount + StatisticsCount + 1;

    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Sets up a model for images of a size; an ArgumentException says why a model cannot take them.</summary>
    public static Network Create(string model, Device device, int height, int width, int channels, int classes, int batch)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        foreach ((string name, Func<LayerList, int, LayerList> build) in _models)
            if (name == model) return new Network(model, device, build(new LayerList(height, width, channels), classes).Layers, classes, batch);
        throw new ArgumentException($"there is no model '{model}'; there are {string.Join(", ", Models)}.", nameof(model));
    }

    /// <summary>Names an element of the payload: "conv1.weight[0,3,0,7]", "loss".</summary>
    public string Describe(int index)
    {
        foreach (Parameter parameter in Parameters)
        {
            int rest = index - parameter.Offset;
            if (rest < 0 || rest >= parameter.Length) continue;
            int[] place = new int[parameter.Shape.Length];
            for (int axis = place.Length - 1; axis >= 0; axis--)
            {
                place[axis] = rest % parameter.Shape[axis];
                rest /= parameter.Shape[axis];
            }

            return $"{parameter.Name}[{string.Join(',', place)}]";
        }

        return index == PayloadLength - 1 ? "loss" : throw new ArgumentOutOfRangeException(nameof(index), $"A payload has {PayloadLength} elements; there is no {index}.");
    }

    /// <summary>He's uniform initialisation: weights within sqrt(6 / fan-in) of 0, biases 0.</summary>
    /// <remarks>Source: He, Zhang, Ren, Sun 2015, "Delving deep into rectifiers".</remarks>
    public void Initialise(ulong seed, Span<float> weights)
    {
        if (weights.Length != ParameterCount) throw new ArgumentException($"{weights.Length} weights where the model has {ParameterCount}.", nameof(weights));
        int parameter = 0;
        foreach (Layer layer in _layers)
        {
            float bound = MathF.Sqrt(6f / layer.FanIn);
            foreach ((string name, _) in layer.Parameters)
            {
                Parameter p = Parameters[parameter];
                Span<float> values = weights.Slice(p.Offset, p.Length);
                SeededRandom random = new(seed, InitialisationKey, (ulong)parameter++);
                if (name.EndsWith(".bias", StringComparison.Ordinal)) values.Clear();
                else foreach (ref float value in values) value = random.NextFloat(-bound, bound);
            }
        }
    }

    /// <summary>The payload of up to <see cref="Batch"/> samples: the gradient of their mean loss, and that loss.</summary>
    public void Gradient(View weights, ReadOnlySpan<float> images, ReadOnlySpan<int> labels, View payload)
    {
        int samples = Forward(weights, images, labels.Length);
        View gradient = payload.Slice(0, ParameterCount);
        View current = _gradient.All.Slice(0, (long)samples * Classes);
        _device.SoftmaxCrossEntropy(Output(_layers.Count - 1, samples), labels, Classes, current, payload.Slice(PayloadLength - 1, 1));
        DeviceBuffer free = _otherGradient;
        for (int i = _layers.Count - 1; i >= 0; i--)
        {
            Layer layer = _layers[i];
            View? next = i == 0 ? null : layer.IsInPlace ? current : free.All.Slice(0, (long)samples * layer.InputLength);
            layer.Backward(_device, samples, Of(i, weights), Input(i, samples), Output(i, samples), current, next, Of(i, gradient));
            if (next is not { } wanted || layer.IsInPlace) continue;
            free = current.Buffer;
            current = wanted;
        }
    }

    /// <summary>How many of up to <see cref="Batch"/> samples are classified rightly, and the sum of their losses. Of equal logits the first
    /// class is taken.</summary>
    public (int Correct, double LossSum) Evaluate(View weights, ReadOnlySpan<float> images, ReadOnlySpan<int> labels)
    {
        int samples = Forward(weights, images, labels.Length);
        Span<float> logits = _logits.AsSpan(0, samples * Classes);
        _device.Read(Output(_layers.Count - 1, samples), logits);
        int correct = 0;
        double loss = 0;
        for (int i = 0; i < samples; i++)
        {
            ReadOnlySpan<float> sample = logits.Slice(i * Classes, Classes);
            int best = 0;
            for (int j = 1; j < Classes; j++)
                if (sample[j] > sample[best]) best = j;
            if (best == labels[i]) correct++;
            loss += Kernels.SoftmaxCrossEntropy.Exponentials(sample, labels[i], _exponentials).Loss;
        }

        return (correct, loss);
    }

    /// <summary>Multiplications and additions of one gradient: three products a layer, two for the first.</summary>
    public double GradientFlops(int samples)
    {
        double flops = -_layers[0].ForwardFlops;
        foreach (Layer layer in _layers) flops += 3 * layer.ForwardFlops;
        return samples * flops;
    }

    public void Dispose()
    {
        _input.Dispose();
        foreach (DeviceBuffer output in _outputs) output.Dispose();
        _gradient.Dispose();
        _otherGradient.Dispose();
    }

    private int Forward(View weights, ReadOnlySpan<float> images, int samples)
    {
        if (samples > Batch) throw new ArgumentException($"{samples} samples where a call takes at most {Batch}.");
        if (images.Length != samples * InputLength) throw new ArgumentException($"{images.Length} floats where {samples} images have {samples * InputLength}.", nameof(images));
        _device.Write(images, _input.All.Slice(0, images.Length));
        for (int i = 0; i < _layers.Count; i++)
            _layers[i].Forward(_device, samples, Of(i, weights), Input(i, samples), Output(i, samples));
        return samples;
    }

    private View Of(int layer, View parameters) => parameters.Slice(_offsets[layer], _offsets[layer + 1] - _offsets[layer]);

    private View Input(int layer, int samples)
        => (layer == 0 ? _input : _outputs[layer - 1]).All.Slice(0, (long)samples * _layers[layer].InputLength);

    private View Output(int layer, int samples) => _outputs[layer].All.Slice(0, (long)samples * _layers[layer].OutputLength);
}

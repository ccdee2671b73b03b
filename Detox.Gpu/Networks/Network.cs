using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using Detox.Gpu.Tables;

namespace Detox.Gpu.Networks;

/// <summary>A model on a device: its layers, its activations, and the flat vector of its parameters.</summary>
/// <remarks>What it computes is the same bits on every device. All memory is taken when it is created.</remarks>
public sealed class Network : IDisposable
{
    private const ulong InitialisationKey = 0x1A17;
    private static readonly Table<Func<LayerList, int, LayerList>> _models = new(
        "model",
        [
            new("lenet", "two convolutions, two linear layers", LeNet.Build),
            new("lenet-small", "the same with fewer channels, one linear layer", SmallLeNet.Build),
            new("mlp", "two hidden layers, of 800 and 500", Mlp.Build),
            new("softmax", "one linear layer", SoftmaxRegression.Build),
            new("resnet18", $"ResNet-18 for CIFAR; images from {ResNet18.LeastSide} x {ResNet18.LeastSide}", ResNet18.Build),
            new("vgg13-bn", $"VGG-13 with batch-norm; images from {Vgg13Bn.LeastSide} x {Vgg13Bn.LeastSide}", Vgg13Bn.Build),
        ]);

    private readonly Device _device;
    private readonly IReadOnlyList<Node> _nodes;
    private readonly int[] _parameterOffsets;
    private readonly int[] _statisticsOffsets;

    // By value: the image, then what each layer gives.
    private readonly DeviceBuffer[] _values;

    // Null where the network only evaluates.
    private readonly GradientPlan? _plan;
    private readonly DeviceBuffer[] _gradients;
    private readonly float[] _logits;
    private readonly float[] _exponentials;

    internal Network(string model, Device device, LayerList layers, int classes, int batch, bool onlyEvaluates = false)
    {
        Model = model;
        Batch = batch;
        Classes = classes;
        _device = device;
        _nodes = layers.Nodes;
        _parameterOffsets = new int[_nodes.Count + 1];
        _statisticsOffsets = new int[_nodes.Count + 1];
        List<Parameter> parameters = [], statistics = [];
        for (int i = 0; i < _nodes.Count; i++)
        {
            int offset = _parameterOffsets[i];
            Layer layer = _nodes[i].Layer;
            for (int own = 0; own < layer.Parameters.Count; own++)
            {
                (string name, int[] shape) = layer.Parameters[own];
                int length = shape.Aggregate(1, (product, side) => checked(product * side));
                parameters.Add(new Parameter(name, shape, offset, length) { Axes = layer.AxesOf(own) });
                offset = checked(offset + length);
            }

            _parameterOffsets[i + 1] = offset;
            offset = _statisticsOffsets[i];
            foreach ((string name, int length) in layer.Statistics)
            {
                statistics.Add(new Parameter(name, [length], offset, length));
                offset += length;
            }

            _statisticsOffsets[i + 1] = offset;
        }

        Parameters = parameters;
        Statistics = statistics;
        _values = onlyEvaluates ? SharedValues() : OwnValues();
        _plan = onlyEvaluates ? null : new GradientPlan(_nodes);
        _gradients = _plan is null ? [] : [.. _plan.SlotLengths.Select(length => device.Allocate((long)batch * length))];
        _logits = new float[batch * classes];
        _exponentials = new float[classes];
    }

    /// <summary>Every model. To add one is to add its file and a row.</summary>
    public static Table Known => _models;

    public string Model { get; }

    /// <summary>Is told of every layer that has run; null in training. To measure, it waits for the device itself.</summary>
    public Action<LayerPass>? Observer { get; set; }

    /// <summary>Is told of every tensor as soon as a gradient has written it, and before anything reads it; null in training.</summary>
    public Action<WrittenTensor>? Written { get; set; }

    /// <summary>The most samples of one call.</summary>
    public int Batch { get; }

    /// <summary>Floats of one image: height x width x channels, the channels of a pixel side by side.</summary>
    public int InputLength => _nodes[0].Layer.InputLength;

    public int Classes { get; }

    /// <summary>d.</summary>
    public int ParameterCount => _parameterOffsets[^1];

    /// <summary>Floats of batch statistics that the forward pass takes besides the gradient.</summary>
    public int StatisticsCount => _statisticsOffsets[^1];

    /// <summary>Floats that a model consists of: the parameters, then the running statistics.</summary>
    public int StateLength => ParameterCount + StatisticsCount;

    /// <summary>Floats that are voted on: the gradient, the statistics, the mean loss.</summary>
    public int PayloadLength => StateLength + 1;

    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The statistics by name, "bn1.mean", and their place behind the parameters.</summary>
    public IReadOnlyList<Parameter> Statistics { get; }

    /// <summary>Sets up a model for images of a size; an ArgumentException says why a model cannot take them.</summary>
    /// <param name="onlyEvaluates">It computes no gradient, and takes little memory.</param>
    public static Network Create(string model, Device device, int height, int width, int channels, int classes, int batch, bool onlyEvaluates = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        Func<LayerList, int, LayerList> build = _models.Named(model) ?? throw new ArgumentException(_models.NoSuch(model), nameof(model));
        return new Network(model, device, build(new LayerList(height, width, channels), classes), classes, batch, onlyEvaluates);
    }

    /// <summary>Names an element of the payload: "conv1.weight[0,3,0,7]", "bn1.mean[3]", "loss".</summary>
    public string Describe(int index)
    {
        if (Name(Parameters, index) is { } parameter) return parameter;
        if (Name(Statistics, index - ParameterCount) is { } statistic) return statistic;
        return index == PayloadLength - 1 ? "loss" : throw new ArgumentOutOfRangeException(nameof(index), $"A payload has {PayloadLength} elements; there is no {index}.");
    }

    /// <summary>Sets a model's state as training begins: He's uniform initialisation, biases 0, normalisations that change nothing.</summary>
    public void Initialise(ulong seed, Span<float> state)
    {
        if (state.Length != StateLength) throw new ArgumentException($"{state.Length} floats where the model has {StateLength}.", nameof(state));
        state.Clear();
        int parameter = 0;
        for (int i = 0; i < _nodes.Count; i++)
        {
            Layer layer = _nodes[i].Layer;
            for (int own = 0; own < layer.Parameters.Count; own++)
            {
                Parameter p = Parameters[parameter];
                layer.InitialiseParameter(own, new SeededRandom(seed, InitialisationKey, (ulong)parameter++), state.Slice(p.Offset, p.Length));
            }

            layer.InitialiseStatistics(state[(ParameterCount + _statisticsOffsets[i])..(ParameterCount + _statisticsOffsets[i + 1])]);
        }
    }

    /// <summary>The payload of up to <see cref="Batch"/> samples: the gradient of their mean loss, their statistics, and that loss.</summary>
    /// <param name="state">The parameters, with or without the running statistics, which are not read.</param>
    public void Gradient(View state, ReadOnlySpan<float> images, ReadOnlySpan<int> labels, View payload)
    {
        GradientPlan plan = _plan ?? throw new InvalidOperationException("This network was created to evaluate only.");
        View statistics = payload.Slice(ParameterCount, StatisticsCount);
        int samples = Forward(state, statistics, images, labels.Length, isTraining: true);
        View gradient = payload.Slice(0, ParameterCount), logitGradient = Slot(plan.Steps[^1].Output, samples, Classes), loss = payload.Slice(PayloadLength - 1, 1);
        _device.Run(new SoftmaxCrossEntropy(Output(_nodes.Count - 1, samples), labels, Classes, logitGradient, loss));
        Written?.Invoke(new WrittenTensor("softmax cross-entropy", "gradient of the logits", logitGradient));
        Written?.Invoke(new WrittenTensor("softmax cross-entropy", "loss", loss));
        for (int i = _nodes.Count - 1; i >= 0; i--)
        {
            Layer layer = _nodes[i].Layer;
            GradientPlan.Step step = plan.Steps[i];
            View outputGradient = Slot(step.Output, samples, layer.OutputLength), parameterGradient = ParametersOf(i, gradient);
            View? inputGradient = step.Input < 0 ? null : Slot(step.Input, samples, layer.InputLength);
            layer.Backward(At(i, samples, true, state, statistics), outputGradient, inputGradient, parameterGradient);
            Tell(i, "backward", "gradient of the output", outputGradient);
            Tell(i, "backward", "gradient of the parameters", parameterGradient);
            if (inputGradient is { } written) Tell(i, "backward", "gradient of the input", written);
            foreach (GradientPlan.Sum sum in step.Sums)
            {
                View total = Slot(sum.Total, samples, sum.Length);
                _device.Run(new Addition(total, Slot(sum.Added, samples, sum.Length), total));
                Tell(i, "backward", "sum of gradients", total);
            }

            Observer?.Invoke(new LayerPass(i, NameOf(layer), true, samples * layer.ForwardFlops * (inputGradient is null ? 1 : 2)));
        }
    }

    /// <summary>The running statistics of a state follow those of a batch of <see cref="Batch"/> samples.</summary>
    /// <param name="statistics">As they stand in a payload.</param>
    public void MoveStatistics(View state, View statistics)
    {
        for (int i = 0; i < _nodes.Count; i++)
        {
            int offset = _statisticsOffsets[i], length = _statisticsOffsets[i + 1] - offset;
            if (length > 0) _nodes[i].Layer.MoveStatistics(_device, Batch, state.Slice(ParameterCount + offset, length), statistics.Slice(offset, length));
        }
    }

    /// <summary>How many of up to <see cref="Batch"/> samples are classified rightly, and the sum of their losses. Of equal logits the first
    /// class is taken.</summary>
    /// <param name="state">The parameters, then the running statistics.</param>
    public (int Correct, double LossSum) Evaluate(View state, ReadOnlySpan<float> images, ReadOnlySpan<int> labels)
    {
        int samples = Forward(state, state.Slice(ParameterCount, StatisticsCount), images, labels.Length, isTraining: false);
        Span<float> logits = _logits.AsSpan(0, samples * Classes);
        _device.Read(Output(_nodes.Count - 1, samples), logits);
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

    /// <summary>Multiplications and additions of one gradient: three products a layer, two for one that reads the image.</summary>
    public double GradientFlops(int samples)
        => samples * _nodes.Sum(node => (node.Inputs[0] == 0 ? 2 : 3) * node.Layer.ForwardFlops);

    public void Dispose()
    {
        foreach (DeviceBuffer value in _values) value.Dispose();
        foreach (DeviceBuffer gradient in _gradients) gradient.Dispose();
    }

    private static string? Name(IReadOnlyList<Parameter> parameters, int index)
    {
        foreach (Parameter parameter in parameters)
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

        return null;
    }

    /// <summary>Each value in memory of its own, where the way back finds it.</summary>
    private DeviceBuffer[] OwnValues()
    {
        DeviceBuffer[] values = new DeviceBuffer[_nodes.Count + 1];
        values[0] = _device.Allocate((long)Batch * InputLength);
        for (int i = 0; i < _nodes.Count; i++)
        {
            Layer layer = _nodes[i].Layer;
            values[i + 1] = layer.IsInPlace ? values[_nodes[i].Inputs[0]] : _device.Allocate((long)Batch * layer.OutputLength);
        }

        return values;
    }

    /// <summary>Values in memory that is used again when the last layer has read them.</summary>
    private DeviceBuffer[] SharedValues()
    {
        int[] slotOf = new int[_nodes.Count + 1], readsLeft = new int[_nodes.Count + 1];
        foreach (Node node in _nodes)
            foreach (int value in node.Inputs) readsLeft[value]++;
        Slots slots = new();
        slotOf[0] = slots.Take(InputLength);
        for (int i = 0; i < _nodes.Count; i++)
        {
            (Layer layer, int[] inputs) = (_nodes[i].Layer, _nodes[i].Inputs);
            slotOf[i + 1] = layer.IsInPlace ? slotOf[inputs[0]] : slots.Take(layer.OutputLength);
            if (layer.IsInPlace) slots.Share(slotOf[i + 1]);
            foreach (int value in inputs)
                if (--readsLeft[value] == 0) slots.Release(slotOf[value]);
        }

        DeviceBuffer[] memory = [.. slots.Lengths.Select(length => _device.Allocate((long)Batch * length))];
        return Array.ConvertAll(slotOf, slot => memory[slot]);
    }

    private int Forward(View state, View statistics, ReadOnlySpan<float> images, int samples, bool isTraining)
    {
        if (samples > Batch) throw new ArgumentException($"{samples} samples where a call takes at most {Batch}.");
        if (images.Length != samples * InputLength) throw new ArgumentException($"{images.Length} floats where {samples} images have {samples * InputLength}.", nameof(images));
        _device.Write(images, _values[0].All.Slice(0, images.Length));
        for (int i = 0; i < _nodes.Count; i++)
        {
            Pass pass = At(i, samples, isTraining, state, statistics);
            _nodes[i].Layer.Forward(pass);
            if (isTraining) Tell(i, "forward", "batch statistics", pass.Statistics);
            Tell(i, "forward", "output", pass.Output);
            Observer?.Invoke(new LayerPass(i, NameOf(_nodes[i].Layer), false, samples * _nodes[i].Layer.ForwardFlops));
        }

        return samples;
    }

    private void Tell(int node, string direction, string name, View values)
    {
        if (Written is not { } written || values.Length == 0) return;
        Layer layer = _nodes[node].Layer;
        string which = layer.Parameters.Count > 0 ? NameOf(layer) : $"{node}";
        written(new WrittenTensor($"{layer.Kind} {which} {direction}", name, values));
    }

    /// <summary>"layer1.0.conv1" where it has parameters, else what it does: "max pool".</summary>
    private static string NameOf(Layer layer) => layer.Parameters.Count > 0
        ? layer.Parameters[0].Name[..layer.Parameters[0].Name.LastIndexOf('.')]
        : layer.Kind;

    private Pass At(int node, int samples, bool isTraining, View state, View statistics)
    {
        (Layer layer, int[] inputs) = (_nodes[node].Layer, _nodes[node].Inputs);
        int offset = _statisticsOffsets[node];
        return new Pass(
            _device,
            samples,
            isTraining,
            ParametersOf(node, state),
            statistics.Slice(offset, _statisticsOffsets[node + 1] - offset),
            _values[inputs[0]].All.Slice(0, (long)samples * layer.InputLength),
            inputs.Length > 1 ? _values[inputs[1]].All.Slice(0, (long)samples * layer.InputLength) : null,
            Output(node, samples));
    }

    private View ParametersOf(int node, View vector) => vector.Slice(_parameterOffsets[node], _parameterOffsets[node + 1] - _parameterOffsets[node]);

    private View Output(int node, int samples) => _values[node + 1].All.Slice(0, (long)samples * _nodes[node].Layer.OutputLength);

    private View Slot(int slot, int samples, int length) => _gradients[slot].All.Slice(0, (long)samples * length);
}

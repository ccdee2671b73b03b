using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;

namespace Detox.Tests.Reports;

/// <summary>A run of softmax regression once more, from the formulas, in double: what its files have to say.</summary>
/// <remarks>Groups joined by their mean, losses by their median, SGD with momentum and a given rate for each step.
/// With a batch of B samples x, labels y, probabilities p: the gradient of weight (i, c) is the sum of x_i (p_c - [y = c]) / B.</remarks>
internal sealed class SoftmaxReplay
{
    private readonly TrainOptions _options;
    private readonly DataSplit _data;
    private readonly SamplePlan _plan;
    private readonly int _inputs, _classes;
    private readonly double[] _state, _velocity;

    public SoftmaxReplay(TrainOptions options)
    {
        _options = options;
        _data = DataSource.Open(options.Data, options.Seed);
        _plan = new SamplePlan(_data.Training.Count, options.GroupCount, options.Batch, options.Seed);
        (_inputs, _classes) = (_data.Training.Shape.Length, _data.Training.Classes);
        using CpuDevice device = new(1);
        ImageShape shape = _data.Training.Shape;
        using Network network = Network.Create("softmax", device, shape.Height, shape.Width, shape.Channels, _classes, options.Batch);
        Initial = new float[network.StateLength];
        network.Initialise(options.Seed, Initial);
        _state = [.. Initial.Select(value => (double)value)];
        _velocity = new double[_state.Length];
    }

    /// <summary>The weights that a run begins with.</summary>
    public float[] Initial { get; }

    /// <summary>Takes the step and returns its loss.</summary>
    public double Step(long step, double rate)
    {
        double[] gradient = new double[_state.Length];
        List<double> losses = [];
        int[] part = new int[_options.Batch];
        for (int group = 0; group < _options.GroupCount; group++)
        {
            _plan.Part(step, group, part);
            losses.Add(part.Average(sample => Add(sample, gradient)));
        }

        for (int i = 0; i < _state.Length; i++)
        {
            _velocity[i] = (_options.Momentum * _velocity[i]) + (gradient[i] / (_options.Batch * _options.GroupCount));
            _state[i] -= rate * _velocity[i];
        }

        losses.Sort();
        return (losses[(losses.Count - 1) / 2] + losses[losses.Count / 2]) / 2;
    }

    /// <summary>Accuracy and mean loss on the test set, as the weights are now.</summary>
    public Score Evaluate()
    {
        float[] pixels = new float[_inputs];
        int right = 0;
        double loss = 0;
        for (int sample = 0; sample < _data.Test.Count; sample++)
        {
            int label = _data.Test.Read(sample, pixels);
            double[] p = Probabilities(pixels);
            if (p.AsSpan().IndexOf(p.Max()) == label) right++;
            loss -= Math.Log(p[label]);
        }

        return new Score((double)right / _data.Test.Count, loss / _data.Test.Count);
    }

    private double Add(int sample, double[] gradient)
    {
        float[] pixels = new float[_inputs];
        int label = _data.Training.Read(sample, pixels);
        double[] p = Probabilities(pixels);
        for (int c = 0; c < _classes; c++)
        {
            double slope = p[c] - (c == label ? 1 : 0);
            for (int i = 0; i < _inputs; i++) gradient[(i * _classes) + c] += slope * pixels[i];
            gradient[(_classes * _inputs) + c] += slope;
        }

        return -Math.Log(p[label]);
    }

    private double[] Probabilities(float[] pixels)
    {
        double[] p = new double[_classes];
        for (int c = 0; c < _classes; c++)
        {
            p[c] = _state[(_classes * _inputs) + c];
            for (int i = 0; i < _inputs; i++) p[c] += _state[(i * _classes) + c] * pixels[i];
        }

        double most = p.Max();
        for (int c = 0; c < _classes; c++) p[c] = Math.Exp(p[c] - most);
        double sum = p.Sum();
        for (int c = 0; c < _classes; c++) p[c] /= sum;
        return p;
    }
}

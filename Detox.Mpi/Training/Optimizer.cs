using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;
using Detox.Gpu.Networks;

namespace Detox.Mpi.Training;

/// <summary>SGD on rank 0: its velocity, its rate in each step, and which parameters decay.</summary>
internal sealed class Optimizer : IDisposable
{
    private readonly Device _device;
    private readonly DeviceBuffer _velocity;
    private readonly LearningRateSchedule _schedule;
    private readonly float _momentum;
    private readonly (int Offset, int Length, float Decay)[] _runs;

    public Optimizer(Device device, IReadOnlyList<Parameter> parameters, TrainOptions options)
    {
        _device = device;
        _schedule = LearningRateSchedule.Create(options);
        _momentum = options.Momentum;
        _runs = Runs(parameters, options.WeightDecay, options.WeightDecayOn);
        _velocity = device.Allocate(_runs.Sum(run => (long)run.Length));
    }

    /// <summary>What it keeps from step to step: a value for each parameter, in their order. A run that is taken up again writes it before its first step.</summary>
    public View Velocity => _velocity.All;

    /// <summary>Moves the parameters, which weights begin with, along the gradient; returns the step's learning rate.</summary>
    public float Step(View weights, View gradient, long step)
    {
        float rate = _schedule.Rate(step);
        foreach ((int offset, int length, float decay) in _runs)
        {
            _device.Run(new SgdStep(
                weights.Slice(offset, length), _velocity.All.Slice(offset, length), gradient.Slice(offset, length), rate, _momentum, decay));
        }

        return rate;
    }

    public void Dispose() => _velocity.Dispose();

    /// <summary>The flat vector cut where the decay changes: neighbours that decay alike are one run.</summary>
    internal static (int Offset, int Length, float Decay)[] Runs(IReadOnlyList<Parameter> parameters, float decay, WeightDecayOn on)
    {
        List<(int Offset, int Length, float Decay)> runs = [];
        foreach (Parameter parameter in parameters)
        {
            float own = on == WeightDecayOn.All || parameter.IsMatrix ? decay : 0;
            if (runs.Count > 0 && runs[^1].Decay == own) runs[^1] = runs[^1] with { Length = runs[^1].Length + parameter.Length };
            else runs.Add((parameter.Offset, parameter.Length, own));
        }

        return [.. runs];
    }
}

using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Planning;

/// <summary>What a step's gradient is of.</summary>
/// <param name="Parameters">d: what the rules join.</param>
/// <param name="Statistics">Floats that go with the gradient, and with the weights.</param>
/// <param name="FlopsASample">Multiplications and additions of the gradient of one sample.</param>
/// <param name="Model">Null where only the size is known.</param>
internal sealed record Workload(string Name, long Parameters, long Statistics, double FlopsASample, string? Model = null, ImageShape Shape = default)
{
    /// <summary>Parameters and running statistics: what a rank gets.</summary>
    public long StateBytes => (Parameters + Statistics) * sizeof(float);

    /// <summary>Gradient, statistics and loss: what a winner sends.</summary>
    public long PayloadBytes => StateBytes + sizeof(float);

    /// <summary>The model and data that the options name.</summary>
    public static Workload Of(TrainOptions options)
    {
        if (!Network.Known.Names.Contains(options.Model)) throw new DetoxException(ExitCode.Usage, $"--model: {Network.Known.NoSuch(options.Model)}");
        DataSplit data = DataSource.Open(options.Data, options.Seed);
        using CpuDevice device = new(1);
        using Network network = TrainRun.CreateNetwork(options with { Batch = 1 }, device, data, onlyEvaluates: true);
        return new Workload(options.Model, network.ParameterCount, network.StatisticsCount, network.GradientFlops(1), options.Model, data.Training.Shape);
    }

    /// <summary>Of a model of which only the size is known: a multiplication and an addition for each parameter forward, and twice as many backward, as linear layers have.</summary>
    public static Workload Of(long parameters) => new($"{parameters} parameters", parameters, 0, 6.0 * parameters);
}

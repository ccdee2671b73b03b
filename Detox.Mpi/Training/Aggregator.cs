using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Networks;

namespace Detox.Mpi.Training;

/// <summary>How the winners' vectors become new weights: buckets, rules, the optimizer's step, the running statistics.</summary>
/// <remarks>A GPU is waited for only by rules that choose rows by their distances, once a set of rows. What comes of it, the weights and the loss, is
/// read when <see cref="Step"/> has returned.</remarks>
internal sealed class Aggregator : IDisposable
{
    private const ulong BucketKey = 0xB0C3E7;

    private readonly Device _device;
    private readonly ulong _seed;
    private readonly BucketedAggregation _gradientRule;
    private readonly BucketedAggregation _tailRule;
    private readonly DeviceBuffer _aggregate;
    private readonly Optimizer _optimizer;
    private readonly Network _network;
    private readonly View _weights;
    private readonly Memory<float> _loss;

    /// <param name="groups">The most winners.</param>
    /// <param name="network">Says what lies where in a payload.</param>
    /// <param name="weights">The parameters, then the running statistics.</param>
    public Aggregator(Device device, TrainOptions options, int groups, Optimizer optimizer, Network network, View weights)
    {
        _device = device;
        _seed = options.Seed;
        _optimizer = optimizer;
        _network = network;
        _weights = weights;
        int f = options.MostCapturedGroups;
        _gradientRule = new BucketedAggregation(
            device, AggregationRule.Parse(options.Within, f), options.CreateAcross(), options.Buckets!.Value, groups, network.ParameterCount);

        // Statistics and loss are no gradient: a rule that compares distances or signs would misread them.
        _tailRule = new BucketedAggregation(
            device, AggregationRule.Parse("mean", f), AggregationRule.Parse("median", f), groups, groups, network.PayloadLength - network.ParameterCount);
        _aggregate = device.Allocate(network.PayloadLength);
        _loss = device.AllocateHost(1);
    }

    /// <summary>The aggregated loss of the last step, once the device has been waited for.</summary>
    public float Loss => _loss.Span[0];

    /// <summary>What the rules for gradients keep from step to step: a value for each parameter, in their order. See <see cref="AggregationRule.Kept"/>; those for statistics and loss keep nothing.</summary>
    public IReadOnlyList<(string Name, View Values)> Kept() => _gradientRule.Kept();

    /// <summary>Null, or why so many winners cannot be aggregated.</summary>
    public string? Problem(int winners) => _gradientRule.Problem(winners);

    /// <summary>8. Moves the weights; returns the learning rate.</summary>
    /// <param name="memory">Holds every winner's payload.</param>
    /// <param name="winners">Where each begins.</param>
    public float Step(View memory, Span<long> winners, long step)
    {
        SeededRandom random = new(_seed, BucketKey, (ulong)step);
        int parameters = _network.ParameterCount, tail = _network.PayloadLength - parameters;
        View gradient = _aggregate.All.Slice(0, parameters), rest = _aggregate.All.Slice(parameters, tail);
        _gradientRule.Aggregate(new Rows(memory, winners, parameters), random.NextBits(), gradient);
        foreach (ref long offset in winners) offset += parameters;
        _tailRule.Aggregate(new Rows(memory, winners, tail), 0, rest);
        float rate = _optimizer.Step(_weights, gradient, step);
        _network.MoveStatistics(_weights, rest.Slice(0, tail - 1));
        _device.BeginRead(rest.Slice(tail - 1, 1), _loss.Span);
        return rate;
    }

    public void Dispose()
    {
        _gradientRule.Dispose();
        _tailRule.Dispose();
        _aggregate.Dispose();
    }
}

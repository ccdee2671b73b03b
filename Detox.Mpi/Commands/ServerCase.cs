using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>What a step asks of rank 0's device, without the messages, where the vectors of all groups are there: their ballots, the rules, the weights.</summary>
internal sealed class ServerCase : IDisposable
{
    private readonly Network _network;
    private readonly ModelWeights _weights;
    private readonly Optimizer _optimizer;
    private readonly Aggregator _aggregator;
    private readonly BallotTree _tree;
    private readonly VectorSlots _slots;
    private readonly VectorSlot[] _winners;
    private readonly long[] _offsets;
    private readonly Ballot[] _ballots;

    /// <param name="options">Resolved; a winner of each group.</param>
    public ServerCase(Device device, TrainOptions options, ImageShape shape)
    {
        int n = options.GroupCount;
        _network = Network.Create(options.Model, device, shape.Height, shape.Width, shape.Channels, 10, options.Batch, onlyEvaluates: true);
        _weights = new ModelWeights(device, _network.StateLength);
        _optimizer = new Optimizer(device, _network.Parameters, options);
        _aggregator = new Aggregator(device, options, n, _optimizer, _network, _weights.View);
        _tree = new BallotTree(device, options.Ballot, _network.PayloadLength, n);
        _slots = new VectorSlots(device, n, _network.PayloadLength);
        _winners = [.. Enumerable.Range(0, n).Select(_ => _slots.TryTake()!)];
        _offsets = new long[n];
        _ballots = new Ballot[n];
        SeededRandom random = new(1);
        foreach (VectorSlot winner in _winners)
            foreach (ref float value in winner.Message.Span) value = random.NextFloat(-1, 1);
    }

    public void Run()
    {
        for (int i = 0; i < _winners.Length; i++)
        {
            _winners[i].Send();
            _offsets[i] = _winners[i].Payload.Offset;
        }

        _tree.Compute(new Rows(_slots.Memory, _offsets, _tree.Length), _ballots);
        _aggregator.Step(_slots.Memory, _offsets, 0);
        _weights.Fetch();
    }

    public void Dispose()
    {
        _aggregator.Dispose();
        _optimizer.Dispose();
        _slots.Dispose();
        _weights.Dispose();
        _network.Dispose();
    }
}

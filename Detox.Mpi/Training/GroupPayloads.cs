using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;

namespace Detox.Mpi.Training;

/// <summary>The honest payloads of groups, computed one after another on one device, without ranks and messages.</summary>
internal sealed class GroupPayloads : IDisposable
{
    private readonly Device _device;
    private readonly PartFeed _samples;
    private readonly NetworkGradient _gradients;
    private readonly VectorSlots _slots;
    private readonly VectorSlot[] _payloads;
    private readonly BallotTree _tree;
    private readonly long[] _offsets;
    private readonly Ballot[] _ballots;

    /// <param name="most">The most groups of one <see cref="Compute"/>.</param>
    public GroupPayloads(Device device, TrainOptions options, DataSplit data, int most)
    {
        _device = device;
        Network = TrainRun.CreateNetwork(options, device, data);
        Weights = new ModelWeights(device, Network.StateLength);
        _samples = TrainRun.CreateFeed(options, data);
        _gradients = new NetworkGradient(Network, _samples);
        _slots = new VectorSlots(device, most, Network.PayloadLength);
        _payloads = [.. Enumerable.Range(0, most).Select(_ => _slots.TryTake()!)];
        _tree = new BallotTree(device, options.Ballot, Network.PayloadLength, most);
        _offsets = new long[most];
        _ballots = new Ballot[most];
    }

    public Network Network { get; }

    /// <summary>What the payloads are computed with.</summary>
    public ModelWeights Weights { get; }

    /// <summary>Holds every payload.</summary>
    public View Memory => _slots.Memory;

    /// <summary>Computes payloads of a step, which stay until the next call; their ballots, in the order of the groups.</summary>
    public ReadOnlySpan<Ballot> Compute(long step, IReadOnlyList<int> groups)
    {
        for (int i = 0; i < groups.Count; i++) _gradients.Compute(step, groups[i], attempt: 0, attack: null, Weights.View, _payloads[i].Payload);
        if (groups.Count > 0) _tree.Compute(new Rows(Memory, Offsets(groups.Count), _tree.Length), _ballots);
        return _ballots.AsSpan(0, groups.Count);
    }

    /// <summary>Where the first so many payloads begin; the caller may change it.</summary>
    public Span<long> Offsets(int count)
    {
        for (int i = 0; i < count; i++) _offsets[i] = _payloads[i].Payload.Offset;
        return _offsets.AsSpan(0, count);
    }

    /// <summary>A payload of the last <see cref="Compute"/>, on the host.</summary>
    /// <param name="place">Of its group in that call.</param>
    public float[] Read(int place)
    {
        float[] payload = new float[Network.PayloadLength];
        _device.Read(_payloads[place].Payload, payload);
        return payload;
    }

    public void Dispose()
    {
        _slots.Dispose();
        _samples.Dispose();
        Weights.Dispose();
        Network.Dispose();
    }
}

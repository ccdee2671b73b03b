using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;

namespace Detox.Mpi.Training;

/// <summary>What the ranks of an in-process run have in common: the data, as many networks as there are threads, and the memory of the vectors.</summary>
internal sealed class SharedParts : IDisposable
{
    private readonly List<IDisposable> _owned = [];
    private readonly List<Device> _networkDevices = [];

    /// <param name="data">Null: what the options name.</param>
    public SharedParts(TrainOptions options, DataSplit? data = null)
    {
        Data = data ?? DataSource.Open(options.Data, options.Seed);
        List<(IGradientSource, BallotTree)> networks = [];
        CpuDevice memory = new(1);
        _owned.Add(memory);
        Layout = null!;

        // Where there are fewer groups than threads, several threads share a network.
        int count = Math.Min(options.Threads!.Value, options.GroupCount);
        for (int i = 0; i < count; i++)
        {
            Device device = DeviceChoice.Open(options.Device, options.Threads!.Value / count, rank: i, localRank: i);
            _owned.Add(device);
            _networkDevices.Add(device);
            Layout = TrainRun.CreateNetwork(options, device, Data);
            _owned.Add(Layout);
            PartFeed samples = TrainRun.CreateFeed(options, Data);
            _owned.Add(samples);
            IGradientSource network = new NetworkGradient(Layout, samples);
            if (!device.SharesHostMemory) _owned.Add((IDisposable)(network = new DeviceGradient(network, device, Layout)));
            networks.Add((network, new BallotTree(device.SharesHostMemory ? device : memory, options.Ballot, Layout.PayloadLength)));
        }

        int ranks = options.Ranks!.Value;
        Slots = new VectorSlots(memory, SharedGradients.MostVectors(options.GroupCount, ranks) + Server.MostVectors(options.GroupCount, ranks), Layout.PayloadLength);
        _owned.Add(Slots);
        Gradients = new SharedGradients(networks, options.GroupCount, Slots);
        _owned.Add(Gradients);
    }

    public DataSplit Data { get; }

    /// <summary>Where gradients are computed, and rank 0 reads them.</summary>
    public VectorSlots Slots { get; }

    public SharedGradients Gradients { get; }

    public SharedCheck Weights { get; } = new();

    /// <summary>Where the gradients are computed: each kind of device once.</summary>
    public string DeviceName => string.Join(", ", _networkDevices.Select(device => device.Name).Distinct());

    /// <summary>Bytes that the buffers of all networks take of the memory of GPUs.</summary>
    public long DeviceBytes => _networkDevices.Sum(device => device.AllocatedBytes);

    /// <summary>Any of the networks: for what it says of the payload, not to compute with.</summary>
    public Network Layout { get; }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
    }
}

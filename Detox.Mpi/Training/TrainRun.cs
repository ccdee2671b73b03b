using System.Diagnostics;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Training;

/// <summary>A training run on one rank, from the data to the last evaluation.</summary>
internal sealed class TrainRun : IDisposable
{
    private readonly Communicator _world;
    private readonly TrainOptions _options;
    private readonly List<IDisposable> _owned = [];
    private readonly DataSplit _data;
    private readonly Device _device;
    private readonly ModelWeights _weights;
    private readonly Step _step;
    private readonly StepRecord _record = new();
    private readonly Server? _server;
    private readonly Evaluation? _evaluation;
    private readonly Network? _judge;
    private readonly SharedParts? _shared;

    private TrainRun(
        Communicator world,
        Communicator groupWorld,
        GroupTable groups,
        TrainOptions options,
        SharedParts? shared,
        int nodeCores,
        int localRank)
    {
        _world = world;
        _options = options;
        _shared = shared;
        ulong seed = options.Seed;
        int group = groups.GroupOf(world.Rank);
        _data = shared?.Data ?? DataSource.Open(options.Data, seed);
        Attack attack = Attack.Parse(options.Attack);
        Placement placement = Placement.Create(options.Placement, groups, options.Byzantine!.Value, seed);

        // In one process the shared gradients are computed where --device says, and the ranks only vote on them.
        _device = Own(shared is null ? DeviceChoice.Open(options.Device, options.Threads!.Value, world.Rank, localRank) : new CpuDevice(1));
        Network? own = shared is null ? Own(CreateNetwork(options, _device, _data)) : null;
        IGradientSource gradients = shared?.Gradients.ForRank()
            ?? new NetworkGradient(own!, Own(CreateFeed(options, _data)));
        Network layout = own ?? shared!.Layout;
        _weights = Own(new ModelWeights(_device, layout.StateLength));

        Worker worker = Own(new Worker(
            world, groupWorld, group, _device, gradients, _weights, layout.PayloadLength, options.Ballot, attack, seed,
            options.Threads!.Value));
        if (world.Rank == 0)
        {
            // The other ranks of the node sleep while rank 0 aggregates and evaluates: it may use all cores.
            Device serverDevice = _device.SharesHostMemory ? Own(new CpuDevice(Math.Max(nodeCores, options.Threads!.Value))) : _device;
            Optimizer optimizer = Own(new Optimizer(serverDevice, layout.Parameters, options));
            _judge = Own(CreateNetwork(options, serverDevice, _data, onlyEvaluates: true));
            _server = Own(new Server(world, worker, groups, options, serverDevice, optimizer, _judge, _record));
            _evaluation = new Evaluation(_judge, _data.Test);
            layout.Initialise(seed, _weights.Values);
            _weights.Send();
        }

        _step = new Step(world, worker, _server, placement, attack, new Colluders(world, groups, attack), _record);
    }

    /// <summary>Sets up and trains; the exit code is every rank's.</summary>
    /// <param name="shared">What the ranks of an in-process run have in common; null under MPI.</param>
    /// <param name="nodeCores">The processors that this process may use.</param>
    /// <param name="localRank">This rank's number on its node, which the ranks share GPUs by.</param>
    public static ExitCode Execute(Communicator world, TrainOptions options, SharedParts? shared, int nodeCores, int localRank = 0)
    {
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        using Communicator groupWorld = world.Split(groups.GroupOf(world.Rank), world.Rank);
        using TrainRun run = Agreement.Reach(world, () => new TrainRun(world, groupWorld, groups, options, shared, nodeCores, localRank));
        using RunReport? report = Agreement.Reach(world, () => world.Rank == 0 ? run.OpenReport() : null);
        return run.Train(report);
    }

    /// <summary>A network for the data at hand; the model may not take its images.</summary>
    public static Network CreateNetwork(TrainOptions options, Device device, DataSplit data, bool onlyEvaluates = false)
    {
        ImageShape shape = data.Training.Shape;
        try
        {
            return Network.Create(options.Model, device, shape.Height, shape.Width, shape.Channels, data.Training.Classes, options.Batch, onlyEvaluates);
        }
        catch (ArgumentException error)
        {
            throw new DetoxException(ExitCode.Usage, $"--model {options.Model} on --data {options.Data}: {error.Message}", error);
        }
    }

    /// <summary>The training samples as the options want them: in which order, and how varied.</summary>
    public static PartFeed CreateFeed(TrainOptions options, DataSplit data)
    {
        SamplePlan plan = new(data.Training.Count, options.GroupCount, options.Batch, options.Seed);
        Augmentation? augmentation = options.Augment == Augment.Cifar ? new(data.Training.Shape, options.Seed) : null;
        return new PartFeed(new PartReader(data.Training, plan, augmentation), options.Steps);
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
    }

    private RunReport OpenReport() => RunReport.Open(_options, _data, _shared?.DeviceName ?? _device.Name, _world, _judge!, isLaunched: _shared is null);

    private ExitCode Train(RunReport? report)
    {
        if (_server is not null) _weights.Seal();
        _world.Broadcast(_weights.Message, 0);
        if (!_weights.Accept())
            throw new DetoxException(ExitCode.Unexpected, "The first weights arrived damaged: the wire or this node's memory is at fault.");

        report?.Started();
        bool goesOn = true;
        for (int step = 0; step < _options.Steps && goesOn; step++)
        {
            goesOn = _step.Run(step);
            report?.Add(_record);
            bool isLast = step + 1 == _options.Steps || !goesOn;
            bool isDue = _options.EvaluateEvery > 0 && (step + 1) % _options.EvaluateEvery == 0;
            if (_evaluation is not null && (isDue || isLast))
                report!.Add(step + 1, _evaluation.Run(_weights.View));
        }

        long[] memory = [PeakMemory(), _shared?.DeviceBytes ?? _device.AllocatedBytes];
        _world.Allreduce(memory, Reduction.Maximum);
        int[] code = [(int)(report?.Finish(_weights.Values, memory[0], memory[1]) ?? ExitCode.Done)];
        _world.Broadcast<int>(code, 0);
        return (ExitCode)code[0];
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>The most memory this process had resident, in bytes.</summary>
    private static long PeakMemory()
    {
        using Process process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }
}

using System.Diagnostics;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
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
    private readonly Communicator _own;
    private readonly TrainOptions _options;
    private readonly List<IDisposable> _owned = [];
    private readonly GroupTable _groups;
    private readonly DataSplit _data;
    private readonly Device _device;
    private readonly Experiment _experiment;
    private readonly IGradientSource _gradients;
    private readonly Network _layout;
    private readonly ModelWeights _weights;
    private readonly StepRecord _record = new();
    private readonly SharedParts? _shared;
    private Worker? _worker;
    private Step? _step;
    private Server? _server;
    private Evaluation? _evaluation;
    private Network? _judge;
    private RunStart? _start;

    private TrainRun(Communicator world, TrainOptions options, SharedParts? shared, Experiment? experiment, Device? device)
    {
        _world = world;
        _options = options;
        _shared = shared;
        ulong seed = options.Seed;
        _groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, seed);
        _data = shared?.Data ?? DataSource.Open(options.Data, seed);
        _experiment = experiment ?? Experiment.Of(options, _groups);

        // In one process the shared gradients are computed where --device says, and the ranks only vote on them.
        int localRank = world.Nodes.Take(world.Rank).Count(node => node == world.Nodes[world.Rank]);
        _device = device ?? Own(shared is null ? DeviceChoice.Open(options.Device, options.Threads!.Value, world.Rank, localRank) : new CpuDevice(1));
        Network? own = shared is null ? Own(CreateNetwork(options, _device, _data)) : null;
        _gradients = shared?.Gradients.ForRank() ?? new NetworkGradient(own!, Own(CreateFeed(options, _data)));
        _layout = own ?? shared!.Layout;
        _weights = Own(new ModelWeights(_device, _layout.StateLength));

        // What a rank's worker sends passes through its attack; what rank 0 sends as the server does not.
        _own = _experiment.Attack is ProtocolAttack protocol ? protocol.Decorate(world, _experiment.Placement, seed, _layout.PayloadLength) : world;
    }

    /// <summary>Sets up and trains; the exit code is every rank's.</summary>
    /// <param name="shared">What the ranks of an in-process run have in common; null under MPI.</param>
    /// <param name="experiment">Null: the one that the options name.</param>
    /// <param name="device">The caller's. Null: the one that the options name.</param>
    public static ExitCode Execute(Communicator world, TrainOptions options, SharedParts? shared, Experiment? experiment = null, Device? device = null)
    {
        using TrainRun run = Agreement.Reach(world, () => new TrainRun(world, options, shared, experiment, device));
        bool writes = world.Rank == RunStart.LeaderOf(world, world.Rank);
        using WeightsSlots slots = new(run._own, run._layout.StateLength, writes);
        run._start = Agreement.Reach(world, () => RunStart.Gather(world, options, run._data, run._layout, slots));
        using RunReport? report = Agreement.Reach(world, () => run.Prepare(slots));
        return world.Rank == 0 ? run.Lead(report!) : run.Follow();
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
        // Nobody else may still be copying to or from this rank's memory when it goes.
        _world.Withdraw();
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
    }

    /// <summary>What takes memory, on this rank; no rank waits for another one here. On rank 0 it opens the report.</summary>
    private RunReport? Prepare(WeightsSlots slots)
    {
        ulong seed = _options.Seed;
        int group = _groups.GroupOf(_world.Rank);
        bool isLeader = _world.Rank == RunStart.LeaderOf(_world, _world.Rank);

        // Rank 0's own node reads what rank 0 writes: nobody has to be told.
        int[] readers = isLeader && _world.Rank != 0
            ? [.. Enumerable.Range(0, _world.Size).Where(rank => rank != _world.Rank && _world.Nodes[rank] == _world.Nodes[_world.Rank])] : [];
        WeightsTaker taker = new(_own, _weights, slots, _device, readers);
        _worker = Own(new Worker(
            _own, _groups.Members(group), group, _device, _gradients, _weights, taker, _layout.PayloadLength, _options.Ballot, _experiment.Attack,
            _options.Threads!.Value)
        {
            HoldsBack = _world.Rank != 0,
        });
        if (_world.Rank == 0)
        {
            // The other ranks of the node sleep while rank 0 aggregates and evaluates: it may use all cores.
            Device serverDevice = _device.SharesHostMemory ? Own(new CpuDevice(Math.Max(_world.NodeCores, _options.Threads!.Value))) : _device;
            Optimizer optimizer = Own(new Optimizer(serverDevice, _layout.Parameters, _options));
            _judge = Own(CreateNetwork(_options, serverDevice, _data, onlyEvaluates: true));
            _server = Own(new Server(_world, _worker, _groups, _options, serverDevice, optimizer, _judge, slots, _start!, _record));
            _evaluation = new Evaluation(_judge, _data.Test);
            _layout.Initialise(seed, _weights.Values);
            _weights.Send();
        }

        TimeSpan patience = new StepPatience(_options.Patience).Whole;
        AttackContext attacker = new(seed, Step: 0, _world.Rank) { GradientLength = _layout.ParameterCount, Rule = _options.KnownRule() };
        Colluders colluders = new(_world, _groups, _experiment.Attack, patience);
        _step = new Step(_world, _groups, _worker, _server, _experiment, attacker, colluders, _record, _options.Steps);
        return _server is null ? null : RunReport.Open(_options, _data, _shared?.DeviceName ?? _device.Name, _world, _judge!, _start!, isLaunched: _shared is null);
    }

    /// <summary>Every rank but rank 0: computes what rank 0 lets it compute, until no step follows.</summary>
    private ExitCode Follow()
    {
        while (_worker!.NextStep() is { } step) _step!.Run(step);
        _worker.Leave(PeakMemory(), _shared?.DeviceBytes ?? _device.AllocatedBytes);
        _worker.AwaitLeave();
        return (ExitCode)_worker.ExitCode;
    }

    /// <summary>Rank 0: sees each step through, with its own worker's part in it.</summary>
    private ExitCode Lead(RunReport report)
    {
        _server!.Start();
        report.Started();
        bool goesOn = true;
        for (int step = 0; step < _options.Steps && goesOn; step++)
        {
            _worker!.TakeUp();
            goesOn = _step!.Run(step);
            report.Add(_record);
            bool isLast = step + 1 == _options.Steps || !goesOn;
            bool isDue = _options.EvaluateEvery > 0 && (step + 1) % _options.EvaluateEvery == 0;
            if (isDue || isLast) report.Add(step + 1, _evaluation!.Run(_weights.View));
        }

        _record.Clear(_record.Step);
        _server.End();
        _worker!.TakeUp();
        _worker.Leave(PeakMemory(), _shared?.DeviceBytes ?? _device.AllocatedBytes);
        (long peak, long devicePeak) = _server.AwaitLeaving();
        report.AddLate(_record);
        ExitCode code = report.Finish(_weights.Values, peak, devicePeak);
        _server.LetLeave((int)code);
        _worker.AwaitLeave();
        if (_server.Missing() is { Count: > 0 } missing) _world.EndWithout(missing, (int)code);
        return code;
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

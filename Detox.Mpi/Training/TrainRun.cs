using System.Diagnostics;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Mpi.Attacks;
using Detox.Mpi.Checkpoints;
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
    private readonly IPayloadSource _payloads;
    private readonly Network _layout;
    private readonly ModelWeights _weights;
    private readonly StepRecord _record = new();
    private readonly SharedParts? _shared;
    private readonly RunContext _context;
    private Worker? _worker;
    private Step? _step;
    private Server? _server;
    private Evaluation? _evaluation;
    private Network? _judge;
    private RunStart? _start;
    private RunSaver? _saver;
    private TrainedState? _trained;

    private TrainRun(Communicator world, TrainOptions options, DataSplit data, SharedParts? shared, RunContext context)
    {
        _world = world;
        _options = options;
        _shared = shared;
        _context = context;
        ulong seed = options.Seed;
        _groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, seed);
        _data = data;
        _experiment = context.Experiment ?? Experiment.Of(options, _groups);

        // In one process the shared gradients are computed where --device says, and the ranks only vote on them.
        int localRank = world.Nodes.Take(world.Rank).Count(node => node == world.Nodes[world.Rank]);
        _device = context.Device ?? Own(shared is null ? DeviceChoice.Open(options.Device, options.Threads!.Value, world.Rank, localRank) : new CpuDevice(1));
        Network? own = shared is null ? Own(CreateNetwork(options, _device, _data)) : null;
        _payloads = shared?.Gradients.ForRank() ?? new OwnPayloads(new NetworkGradient(own!, Own(CreateFeed(options, _data))));
        _layout = own ?? shared!.Layout;
        _weights = Own(new ModelWeights(_device, _layout.StateLength));

        // What a rank's worker sends passes through its attack; what rank 0 sends as the server does not.
        _own = _experiment.Attack is ProtocolAttack protocol ? protocol.Decorate(world, _experiment.Placement, seed, _layout.PayloadLength) : world;
    }

    /// <summary>Sets up and trains; the exit code is every rank's.</summary>
    /// <param name="shared">What the ranks of an in-process run have in common; null under MPI.</param>
    public static ExitCode Execute(Communicator world, TrainOptions options, SharedParts? shared, RunContext context = default)
    {
        DataSplit data = shared?.Data ?? NodeData.Open(world, options.Data, options.Seed);
        using TrainRun run = Agreement.Reach(world, () => new TrainRun(world, options, data, shared, context));
        bool writes = world.Rank == RunStart.LeaderOf(world, world.Rank);
        using WeightsSlots slots = new(run._own, run._layout.StateLength, writes);
        run._start = Agreement.Reach(world, () => RunStart.Gather(world, options, run._data, run._layout, slots));
        RunReport? report = Agreement.Reach(world, () => run.Prepare(slots));
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
        WeightsTaker taker = new(_own, _weights, slots, _device, readers, _shared?.Weights);
        _worker = Own(new Worker(
            _own, _groups.Members(group), group, _device, _payloads, _weights, taker, _layout.PayloadLength, _options.Ballot, _experiment.Attack,
            _options.Threads!.Value)
        {
            HoldsBack = _world.Rank != 0,
            WantsStop = () => _context.Stop?.IsWanted == true,
        });
        if (_world.Rank == 0)
        {
            // The other ranks of the node sleep while rank 0 aggregates and evaluates: it may use all cores, unless other runs do.
            int serverThreads = _context.Monitor is null ? Math.Max(_world.NodeCores, _options.Threads!.Value) : _options.Threads!.Value;
            Device serverDevice = _device.SharesHostMemory ? Own(new CpuDevice(serverThreads)) : _device;
            Optimizer optimizer = Own(new Optimizer(serverDevice, _layout.Parameters, _options));
            _judge = Own(CreateNetwork(_options, serverDevice, _data, onlyEvaluates: true));
            _server = Own(new Server(_world, _worker, _groups, _options, serverDevice, optimizer, _judge, slots, _start!, _record, _shared?.Slots));
            _evaluation = new Evaluation(_judge, _data.Test);
            _trained = new TrainedState(_judge, serverDevice, _server.Kept());
            _layout.Initialise(seed, _weights.Values);
            _context.Resume?.Checkpoint?.Restore(_trained, _weights.Values, _data);
            _weights.Send();
            _server.Fetch();
            if (_context.Resume?.State is { } state) _server.GoOn(state);
        }

        TimeSpan patience = new StepPatience(_options.Patience).Whole;
        AttackContext attacker = new(seed, Step: 0, _world.Rank) { GradientLength = _layout.ParameterCount, Rule = _options.KnownRule() };
        Colluders colluders = new(_world, _groups, _experiment.Attack, patience, _server is null ? null : _server.Attend);
        _step = new Step(_world, _groups, _worker, _server, _experiment, attacker, colluders, _record, IsLast);
        if (_server is null) return null;
        _context.Resume?.Begin();
        RunReport report = Own(RunReport.Open(_options, _data, _shared?.DeviceName ?? _device.Name, _world, _judge!, _start!, _context, isLaunched: _shared is null));
        CheckpointStore store = new(report.Folder);
        _saver = Own(new RunSaver(store, _options.CheckpointEvery, FirstStep, () => new CheckpointWriter(store, _trained!, report.FlushLogs)));
        return report;
    }

    /// <summary>Every rank but rank 0: computes what rank 0 lets it compute, until no step follows.</summary>
    private ExitCode Follow()
    {
        while (_worker!.NextStep() is { } step) _step!.Run(step);
        _worker.Leave(PeakMemory(), _shared?.DeviceBytes ?? _device.AllocatedBytes);
        _worker.AwaitLeave();
        return (ExitCode)_worker.ExitCode;
    }

    private long FirstStep => _context.Resume?.Step ?? 0;

    /// <summary>Whether no step follows a step: it was the last, or the run is to stop.</summary>
    private bool IsLast(long step) => step + 1 >= _options.Steps || StopReason() is not null;

    /// <summary>Why the run is to stop before its last step; null where it is not.</summary>
    private string? StopReason()
    {
        if (_server!.Quarantine.Problem is { } problem) return problem;
        if (_context.Stop?.IsWanted == true) return "a signal";
        if (_server.StopWantedBy is { } rank) return $"a signal to rank {rank.Rank} on {rank.Host}";
        return _options.MaxHours is { } hours && _context.Seconds > hours * 3600 ? $"--max-hours {hours}" : null;
    }

    /// <summary>Rank 0: sees each step through, with its own worker's part in it, and saves the run now and then.</summary>
    private ExitCode Lead(RunReport report)
    {
        _server!.Quarantine.Exclude(report.Quarantined());
        report.Started();
        long step = FirstStep;
        bool goesOn = step < _options.Steps && _server.Quarantine.Problem is null;
        if (goesOn) _server.Publish(step);
        else report.Judge(_evaluation!.Run(_weights.View));
        double stood = 0;
        while (goesOn)
        {
            _worker!.TakeUp();
            goesOn = _step!.Run(step++);
            _record.Seconds[(int)Phase.Checkpoint] = stood;
            _saver!.Confirm(_server.AreWeightsConfirmed);
            _saver.Report(_record);
            report.Add(_record);
            if (_record.HasQuarantined) report.Quarantine(_server.Quarantine.Hosts);
            bool isDue = _options.EvaluateEvery > 0 && step % _options.EvaluateEvery == 0;
            if (isDue || step == _options.Steps || _record.Diverged) report.Add(step, _evaluation!.Run(_weights.View));
            stood = goesOn && _saver.IsDue(step) ? _saver.Save(report.State(step, _server, _data), Take) : 0;
        }

        bool isStopped = step < _options.Steps && !_record.Diverged;
        if (isStopped) report.Stopping(step, StopReason()!);
        if (!_record.Diverged) _saver!.SaveLast(report.State(step, _server, _data), Take);
        _record.Clear(_record.Step);
        _server.End(step);
        _worker!.TakeUp();
        _worker.Leave(PeakMemory(), _shared?.DeviceBytes ?? _device.AllocatedBytes);
        IReadOnlyList<RankTally?> tallies = _server.AwaitLeaving();
        _saver!.Confirm(_server.AreWeightsConfirmed);
        bool isSaved = _saver.Finish(step);
        _saver.Report(_record);
        report.AddLate(_record);
        ExitCode code = isStopped ? report.Stop(step, isSaved, _server.Quarantine.Problem) : report.Finish(_weights.Values, tallies, _saver, isSaved);
        if (code is ExitCode.Done or ExitCode.StoppedWithCheckpoint or ExitCode.ReplaceNode) _saver.ForgetTries();
        _server.LetLeave((int)code);
        _worker.AwaitLeave();
        if (_server.Missing() is { Count: > 0 } missing) _world.EndWithout(missing, (int)code);
        return code;
    }

    private void Take(TrainedState copy) => copy.Take(_weights.Values);

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

using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>Rank 0's part of a step: it collects a verified vector of each group, aggregates them, takes the optimizer's step, and hands the weights out.</summary>
internal sealed class Server : IDisposable
{
    private readonly Communicator _world;
    private readonly IReadOnlyList<int> _processes;
    private readonly StepRecord _record;
    private readonly Round _round;
    private readonly WeightsPublisher _publisher;
    private readonly StepPatience _patience;
    private readonly VectorSlots _slots;
    private readonly bool _ownsSlots;
    private readonly Aggregator _aggregator;
    private readonly SpreadMeter? _spread;
    private readonly Optimizer _optimizer;
    private readonly Quarantine _quarantine;
    private readonly long[] _winnerOffsets;

    /// <param name="slots">Where the ranks of this process compute their vectors; null where they come from elsewhere.</param>
    public Server(
        Communicator world,
        Worker worker,
        GroupTable groups,
        TrainOptions options,
        Device device,
        Optimizer optimizer,
        Network network,
        WeightsSlots weightsSlots,
        RunStart start,
        StepRecord record,
        VectorSlots? slots = null)
    {
        _world = world;
        _processes = start.Processes;
        _record = record;
        ModelWeights weights = worker.Weights;
        int payloadLength = network.PayloadLength;
        _optimizer = optimizer;
        _aggregator = new Aggregator(device, options, groups.GroupCount, optimizer, network, weights.View);

        if (options.Measure == Measure.Variance) _spread = new SpreadMeter(device, network.ParameterCount);

        // On a GPU a slot is memory of the GPU's, and two more than winners must do.
        const int spareOnGpu = 2;
        _ownsSlots = slots is null;
        _slots = slots ?? new VectorSlots(device, device.SharesHostMemory ? MostVectors(groups.GroupCount, world.Size) : groups.GroupCount + spareOnGpu, payloadLength);
        _winnerOffsets = new long[groups.GroupCount];
        _patience = new StepPatience(options.Patience);
        BallotTree payloadTree = new(device, options.Ballot, payloadLength, groups.GroupCount);
        _round = new Round(world, worker, groups, options, payloadTree, _slots, _patience, start.Hosts, record);
        _quarantine = new Quarantine(options.Quarantine, groups, _round.Ranks, record);
        _publisher = new WeightsPublisher(world, weights, weightsSlots, weights.Tree(device), start.Reach, _patience, record);
        _round.WeightsWanted = _publisher.Hear;
        _round.WeightsAwaited = _publisher.SendAwaited;
        _round.LetProceed = _publisher.LetProceed;
        _round.Hurry = _publisher.Hurry;
    }

    /// <summary>The most vectors that it holds at a time: the winners, and one of each rank that is on its way or was wrong.</summary>
    public static int MostVectors(int groups, int ranks) => groups + ranks;

    /// <summary>Ranks that have not said that they end, or do not hear that they may.</summary>
    public IReadOnlyList<int> Missing()
    {
        const double seconds = 1;
        _world.Await(() => _round.Ranks.All(rank => rank.HasHeard), TimeSpan.FromSeconds(seconds));
        return [.. _round.Ranks.Where(rank => !rank.HasLeft || !rank.HasHeard).Select(rank => rank.Rank)];
    }

    /// <summary>The BLAKE3 of the weights.</summary>
    public Ballot WeightsRoot => _publisher.Root;

    /// <summary>Whether a rank has said, in this step or with its last word, that it has the weights whose root rank 0 told it: not rank 0 itself, unless it is alone.</summary>
    public bool AreWeightsConfirmed => _round.Ranks.Any(rank => rank.HasConfirmedWeights && (rank.Rank != _world.Rank || _world.Size == 1));

    /// <summary>A rank that was told by a signal that the run is to stop; null where none was.</summary>
    public Conversation? StopWantedBy => _round.StopWantedBy;

    /// <summary>Ranks that are asked no more.</summary>
    public Quarantine Quarantine => _quarantine;

    /// <summary>What optimizer and rules keep from step to step: a value for each parameter.</summary>
    public IReadOnlyList<(string Name, View Values)> Kept() => [("velocity", _optimizer.Velocity), .. _aggregator.Kept()];

    /// <summary>What rank 0 remembers of the ranks, for a checkpoint.</summary>
    public IReadOnlyList<RankMemory> Memories() => [.. _round.Ranks.Select(rank => rank.Memory)];

    /// <summary>Goes on from a checkpoint, whose weights have been fetched; of another number of ranks it says nothing.</summary>
    /// <exception cref="DetoxException">The weights are others than those that the ranks had confirmed.</exception>
    public void GoOn(RunState state)
    {
        if (WeightsRoot.ToString() != state.Weights)
            throw new DetoxException(ExitCode.NoCheckpoint, $"the weights of step {state.Step} read as {WeightsRoot}, and were {state.Weights} when they were saved; remove that checkpoint, and the one before is taken.");
        if (state.Ranks.Count != _round.Ranks.Count) return;
        for (int rank = 0; rank < state.Ranks.Count; rank++) _round.Ranks[rank].Memory = state.Ranks[rank];
    }

    /// <summary>A step begins: what ranks send from here on is taken for it.</summary>
    public void Begin(long step) => _round.Begin(step);

    /// <summary>Takes what ranks have sent, while this rank waits for something else than a step's end.</summary>
    public void Attend() => _round.Attend();

    /// <summary>6, 7 and 9. A verified vector of each group that has a majority, and who dissents.</summary>
    /// <returns>Seconds until the last ballot was cast, and what the attackers' knowledge took, as the ranks tell.</returns>
    public (double Computing, double Attack) Collect(long step)
    {
        _record.Weights = _publisher.Root;
        _round.Run(step);
        _publisher.Judge(_round.Ranks);
        _record.SortBlames();
        _record.HasQuarantined = _quarantine.Judge();
        return _round.Told;
    }

    /// <summary>8. Buckets, rules, optimizer; the new weights come to the host. Too few winners for the rules: the weights stay as they are.</summary>
    public void Aggregate()
    {
        int winners = 0;
        foreach (GroupRound round in _round.Groups)
            if (round.Winner is { } winner) _winnerOffsets[winners++] = winner.Payload.Offset;
        if (_spread is not null) _record.Variance = _spread.VarianceOfMean(_slots.Memory, _winnerOffsets.AsSpan(0, winners));
        _record.Skipped = _aggregator.Problem(winners);
        if (_record.Skipped is null)
        {
            _record.LearningRate = _aggregator.Step(_slots.Memory, _winnerOffsets.AsSpan(0, winners), _record.Step);
            _publisher.Fetch();
            _record.Loss = _aggregator.Loss;
        }

        foreach (GroupRound round in _round.Groups)
        {
            if (round.Winner is { } winner) _slots.GiveBack(winner);
            round.Winner = null;
        }
    }

    /// <summary>Brings the first weights, which are the device's, to the host.</summary>
    public void Fetch() => _publisher.Fetch();

    /// <summary>8. The weights go to every rank, which may compute the step with them.</summary>
    public void Publish(long step)
    {
        _round.ChooseSpares(step);
        _publisher.Write(step);
        _publisher.LetProceed(_round.Ranks);
        _publisher.SeeOff();
    }

    /// <summary>A step has taken so long: what later ones may take follows from that.</summary>
    public void Took(double seconds) => _patience.Add(seconds);

    /// <summary>Tells every rank that no step follows, and gives it the weights that a next one would be computed with. Those that were stopped hear it too.</summary>
    public void End(long step)
    {
        _publisher.EndWithThese();
        _publisher.Write(step);
        _publisher.LetProceed(_round.Ranks);
        foreach (Conversation rank in _round.Ranks)
            if (rank.NewestOwed != step) rank.TrySay(new Instruction { Head = new Head { Kind = MessageKind.End } });
        _world.Wake([.. _round.Ranks.Where(rank => rank.IsAbsent).Select(rank => rank.Rank)], _processes);
    }

    /// <summary>Waits for the ranks' last words, though for none for ever: what each told of itself, where it did.</summary>
    public IReadOnlyList<RankTally?> AwaitLeaving() => _round.AwaitLeaving(_patience.Whole);

    /// <summary>Ends every rank with an exit code.</summary>
    public void LetLeave(int exitCode)
    {
        foreach (Conversation rank in _round.Ranks) rank.TrySay(new Instruction { Head = new Head { Kind = MessageKind.Leave, Number = exitCode } });
    }

    public void Dispose()
    {
        _aggregator.Dispose();
        if (_ownsSlots) _slots.Dispose();
    }
}

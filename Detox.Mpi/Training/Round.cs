using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>A step at rank 0, from the first ballot to the last verified vector: one conversation with each rank, one state a group. This file says how
/// long it waits; the others, what a message means and what becomes of a group.</summary>
/// <remarks>It believes only its own hands: majorities are of the ballots that it was told itself, and a vector counts only if it hashes to
/// its group's majority. Majorities intersect, so which ballot wins does not depend on who comes first; time chooses only who sends
/// the vector. Nothing that a rank sends is an error here, and nothing is waited for without a deadline.</remarks>
internal sealed partial class Round
{
    /// <summary>What follows the head of a <see cref="MessageKind.Bye"/>.</summary>
    private static readonly int _byeBytes = Unsafe.SizeOf<RankTally>();

    private readonly Communicator _world;
    private readonly Worker _worker;
    private readonly GroupTable _groups;
    private readonly TrainOptions _options;
    private readonly BallotTree _tree;
    private readonly VectorSlots _slots;
    private readonly StepPatience _patience;
    private readonly StepRecord _record;
    private readonly Conversation[] _ranks;
    private readonly GroupRound[] _rounds;
    private readonly Dissenters _dissenters;
    private readonly Func<bool> _look;
    private readonly long _payloadBytes;
    private readonly List<(GroupRound Round, Conversation Sender, VectorSlot Slot)> _verifying = [];
    private readonly long[] _offsets;
    private readonly Ballot[] _ballots;
    private long _step;
    private long _start;
    private long _deadline;
    private double _computing;
    private double _attack;
    private bool _isOpen;
    private bool _ends;

    public Round(
        Communicator world,
        Worker worker,
        GroupTable groups,
        TrainOptions options,
        BallotTree tree,
        VectorSlots slots,
        StepPatience patience,
        IReadOnlyList<string> hosts,
        StepRecord record)
    {
        _world = world;
        _worker = worker;
        _groups = groups;
        _options = options;
        _tree = tree;
        _slots = slots;
        _patience = patience;
        _record = record;
        _payloadBytes = tree.Length * (long)sizeof(float);
        _ranks = [.. Enumerable.Range(0, world.Size).Select(rank => new Conversation(world, rank, groups.GroupOf(rank), hosts[rank]))];
        _rounds = [.. Enumerable.Range(0, groups.GroupCount).Select(group => new GroupRound(group, tree.LeafBytes))];
        _dissenters = new Dissenters(tree, record);
        _offsets = new long[groups.GroupCount];
        _ballots = new Ballot[groups.GroupCount];
        _look = Look;
    }

    public IReadOnlyList<Conversation> Ranks => _ranks;

    public IReadOnlyList<GroupRound> Groups => _rounds;

    /// <summary>A rank that was told by a signal that the run is to stop.</summary>
    public Conversation? StopWantedBy { get; private set; }

    /// <summary>Called with a rank that asks rank 0 for the weights of the step that it owes.</summary>
    public Action<Conversation, HeadFlags> WeightsWanted { get; set; } = static (_, _) => { };

    /// <summary>Called with a rank that has not been sent yet what it wanted.</summary>
    public Action<Conversation> WeightsAwaited { get; set; } = static _ => { };

    /// <summary>Called with a rank that may be let to this step although it was not when the step began: it has answered for an older one, or its
    /// answer for that may have been lost.</summary>
    public Action<Conversation> LetProceed { get; set; } = static _ => { };

    /// <summary>Called with a spare rank whose ballot is wanted after all.</summary>
    public Action<Conversation> Hurry { get; set; } = static _ => { };

    /// <summary>From here on what ranks send is taken for this step.</summary>
    public void Begin(long step)
    {
        _step = step;
        _computing = _attack = 0;
        foreach (GroupRound round in _rounds) round.Clear();
        foreach (Conversation rank in _ranks)
        {
            rank.Ballot = null;
            rank.HasConfirmedWeights = false;
            rank.HasDamagedWeights = false;
            rank.WasRefused = false;
        }

        _dissenters.Clear();
        _isOpen = true;
    }

    /// <summary>Takes what ranks have sent, while rank 0 waits for something else: a rank whose vector of the last step nobody takes would wait for rank 0.</summary>
    public void Attend()
    {
        Receive();
        SendAwaitedWeights();
    }

    /// <summary>6 and 7. Returns when every group is decided, and, with --wait all, every rank that is there has voted.</summary>
    public void Run(long step)
    {
        if (!_isOpen || _step != step) Begin(step);
        _start = Stopwatch.GetTimestamp();
        _deadline = _start + Ticks(_patience.Whole);
        while (!_world.Await(_look, UntilNextDeadline()))
        {
            // Each look sees for itself which deadlines have come.
        }

        _world.Await(() => AnswerOwn() && HasTakenOwn(), _patience.Whole);
        Close();
    }

    /// <summary>At the end of a run: waits for every rank that is there to say that it ends; what each told of itself, where it did.</summary>
    public IReadOnlyList<RankTally?> AwaitLeaving(TimeSpan limit)
    {
        const double absentSeconds = 2;
        _ends = true;
        foreach (Conversation rank in _ranks) rank.HasConfirmedWeights = false;
        AwaitLeft(orAreAbsent: true, limit);
        AwaitLeft(orAreAbsent: false, TimeSpan.FromSeconds(absentSeconds));
        return [.. _ranks.Select(rank => rank.Tally)];
    }

    /// <summary>Looks now and then, for that a rank has become quiet rings no bell.</summary>
    private void AwaitLeft(bool orAreAbsent, TimeSpan limit)
    {
        const double lookSeconds = 0.1;
        long start = Stopwatch.GetTimestamp();
        while (!_world.Await(() => HaveLeft(orAreAbsent), TimeSpan.FromSeconds(lookSeconds)) && Stopwatch.GetElapsedTime(start) < limit)
        {
            // Until they have left or the time is over.
        }
    }

    private bool HaveLeft(bool orAreAbsent)
    {
        const double quietSeconds = 0.5;
        Receive();
        SendAwaitedWeights();
        foreach (Conversation rank in _ranks)
            if (rank.RefusedAtEnd is { } refused && Stopwatch.GetElapsedTime(refused).TotalSeconds > quietSeconds) rank.HasLeft = true;
        return Array.TrueForAll(_ranks, rank => rank.HasLeft || (orAreAbsent && (rank.IsAbsent || rank.IsQuarantined)));
    }

    /// <summary>The seconds from the step's begin until the last rank had its gradient, as the ranks tell; and what attackers' knowledge took.</summary>
    public (double Computing, double Attack) Told => (_computing, _attack);

    private void SendAwaitedWeights()
    {
        foreach (Conversation rank in _ranks)
            if (rank.AwaitsWeights) WeightsAwaited(rank);
    }

    private bool WaitsForAll => _options.Wait == Wait.All;

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private bool Look()
    {
        Receive();
        AnswerOwn();
        SendAwaitedWeights();
        if (Stopwatch.GetTimestamp() > _deadline) Expire();
        foreach (GroupRound round in _rounds)
            if (round.State == GroupState.Voting) Elect(round);
        Verify();
        foreach (GroupRound round in _rounds)
            if (round.State == GroupState.Fetching) Fetch(round);
        return IsOver();
    }

    private bool IsOver()
    {
        foreach (GroupRound round in _rounds)
            if (!round.IsDecided) return false;
        if (!WaitsForAll) return true;
        foreach (Conversation rank in _ranks)
            if (IsAwaited(rank)) return false;
        return !_dissenters.AreAwaited(_patience.Answer);
    }

    /// <summary>Whether a rank that is there still owes this step's ballot.</summary>
    private bool IsAwaited(Conversation rank) => !rank.IsAbsent && !rank.IsQuarantined && (rank.OwesBallotOf(_step) || (rank.Asked == MessageKind.Recompute && rank.AskedInStep == _step));

    /// <summary>Whether a rank's ballot may still come: it may owe an older step first, and be let to this one then.</summary>
    private bool MayVote(Conversation rank)
        => IsAwaited(rank) || (!rank.IsAbsent && !rank.IsQuarantined && rank.Ballot is null && Stopwatch.GetTimestamp() <= _deadline);

    private TimeSpan UntilNextDeadline()
    {
        long now = Stopwatch.GetTimestamp(), next = long.MaxValue;
        if (_deadline > now) next = _deadline;
        if (_start + Ticks(_patience.Answer) is var again && again > now) next = Math.Min(next, again);
        foreach (GroupRound round in _rounds)
            if (round.State == GroupState.Fetching && round.Source >= 0) next = Math.Min(next, round.SourceSince + Ticks(_patience.Answer));
        if (_dissenters.Deadline(_patience.Answer) is { } answers) next = Math.Min(next, answers);
        const double shortest = 0.001, longest = 1;
        return TimeSpan.FromSeconds(Math.Clamp((next - now) / (double)Stopwatch.Frequency, shortest, longest));
    }

    /// <summary>The step's deadline has come: ranks that were silent until now are absent from now on.</summary>
    private void Expire()
    {
        foreach (Conversation rank in _ranks)
            if (IsAwaited(rank) || (rank.Owes && !rank.IsAbsent && !rank.IsQuarantined)) MarkAbsent(rank, Stopwatch.GetElapsedTime(_start));
    }

    /// <summary>Where steps do not wait for all, a rank may owe a ballot for many steps, and is absent once it does so for too long.</summary>
    private void MarkOverdue()
    {
        foreach (Conversation rank in _ranks)
        {
            if (!rank.IsAbsent && !rank.IsQuarantined && rank.Overdue > _patience.Whole) MarkAbsent(rank, rank.Overdue);
        }
    }

    private void MarkAbsent(Conversation rank, TimeSpan silence)
    {
        rank.IsAbsent = true;
        _record.Add(new Blame(_step, rank.Rank, rank.Group, Fault.Absent));
        if (rank.WasNamedAbsent) return;
        rank.WasNamedAbsent = true;
        _record.Notices.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"rank {rank.Rank} on {rank.Host} has said nothing for {silence.TotalSeconds:F1} s in step {_step}; the run goes on without it."));
    }

    private void Close()
    {
        _isOpen = false;
        foreach (GroupRound round in _rounds)
        {
            _record.Roots.Add(round.State == GroupState.Verified ? round.Majority : null);
            if (round.State == GroupState.Void) _record.Voids.Add(round.Group);
            if (round.IsVoidByTime) _record.VoidsByTime.Add(round.Group);
            GiveBackCandidates(round);
        }

        _dissenters.Close();
        foreach (Conversation rank in _ranks)
        {
            if (rank.Ballot is null && !rank.IsQuarantined) _record.Missing.Add(rank.Rank);
            if (_rounds[rank.Group].State == GroupState.Verified) rank.Remember(_step, _rounds[rank.Group].Majority);
        }

        if (!WaitsForAll) MarkOverdue();
    }
}

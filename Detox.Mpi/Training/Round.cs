using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>A step at rank 0, from the first ballot to the last verified vector: one conversation with each rank, one state a group.</summary>
/// <remarks>It believes only its own hands: majorities are of the ballots that it was told itself, and a vector counts only if it hashes to
/// its group's majority. Majorities intersect, so which ballot wins does not depend on who comes first; time chooses only who sends
/// the vector. Nothing that a rank sends is an error here, and nothing is waited for without a deadline.</remarks>
internal sealed class Round
{
    /// <summary>What follows the head of a <see cref="MessageKind.Bye"/>.</summary>
    private const int ByeBytes = 2 * sizeof(long);

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
    private long _step;
    private long _start;
    private long _deadline;
    private double _computing;
    private double _attack;
    private bool _ends;
    private long _peak;
    private long _devicePeak;

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
        _rounds = [.. Enumerable.Range(0, groups.GroupCount).Select(group => new GroupRound(group, tree.Leaves.Length))];
        _dissenters = new Dissenters(tree, record);
        _look = Look;
    }

    public IReadOnlyList<Conversation> Ranks => _ranks;

    public IReadOnlyList<GroupRound> Groups => _rounds;

    /// <summary>Called with a rank that asks rank 0 for the weights of the step that it owes.</summary>
    public Action<Conversation, HeadFlags> WeightsWanted { get; set; } = static (_, _) => { };

    /// <summary>Called with a rank that has not been sent yet what it wanted.</summary>
    public Action<Conversation> WeightsAwaited { get; set; } = static _ => { };

    /// <summary>Called with a rank that may be let to this step although it was not when the step began: it has answered for an older one, or its
    /// answer for that may have been lost.</summary>
    public Action<Conversation> LetProceed { get; set; } = static _ => { };

    /// <summary>6 and 7. Returns when every group is decided, and, with --wait all, every rank that is there has voted.</summary>
    public void Run(long step)
    {
        _step = step;
        _start = Stopwatch.GetTimestamp();
        _deadline = _start + Ticks(_patience.Whole);
        _computing = _attack = 0;
        foreach (GroupRound round in _rounds) round.Clear();
        foreach (Conversation rank in _ranks)
        {
            rank.Ballot = null;
            rank.HasDamagedWeights = false;
            rank.WasRefused = false;
        }

        _dissenters.Clear();
        while (!_world.Await(_look, UntilNextDeadline()))
        {
            // Each look sees for itself which deadlines have come.
        }

        _world.Await(() => AnswerOwn() && HasTakenOwn(), _patience.Whole);
        Close();
    }

    /// <summary>At the end of a run: waits for every rank that is there to say that it ends; the most bytes that one took.</summary>
    public (long Peak, long Device) AwaitLeaving(TimeSpan limit)
    {
        const double absentSeconds = 2;
        _ends = true;
        _world.Await(() => HaveLeft(orAreAbsent: true), limit);
        _world.Await(() => HaveLeft(orAreAbsent: false), TimeSpan.FromSeconds(absentSeconds));
        return (_peak, _devicePeak);
    }

    private bool HaveLeft(bool orAreAbsent)
    {
        Receive();
        return Array.TrueForAll(_ranks, rank => rank.HasLeft || (orAreAbsent && rank.IsAbsent));
    }

    /// <summary>The seconds from the step's begin until the last rank had its gradient, as the ranks tell; and what attackers' knowledge took.</summary>
    public (double Computing, double Attack) Told => (_computing, _attack);

    private bool WaitsForAll => _options.Wait == Wait.All;

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private bool Look()
    {
        Receive();
        AnswerOwn();
        foreach (Conversation rank in _ranks)
            if (rank.AwaitsWeights) WeightsAwaited(rank);
        if (Stopwatch.GetTimestamp() > _deadline) Expire();
        foreach (GroupRound round in _rounds) Advance(round);
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
    private bool IsAwaited(Conversation rank) => !rank.IsAbsent && (rank.OwesBallotOf(_step) || (rank.Asked == MessageKind.Recompute && rank.AskedInStep == _step));

    /// <summary>Whether a rank's ballot may still come: it may owe an older step first, and be let to this one then.</summary>
    private bool MayVote(Conversation rank)
        => IsAwaited(rank) || (!rank.IsAbsent && rank.Ballot is null && Stopwatch.GetTimestamp() <= _deadline);

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

    private void Receive()
    {
        foreach (Conversation rank in _ranks)
            if (rank.HasReceived()) Handle(rank);

        // What has come; a rank that sends without end does not keep rank 0 from its deadlines.
        int most = 8 * _ranks.Length;
        for (int i = 0; i < most && _world.Probe(Communicator.AnyRank, Tag.ToServer, out int sender, out long bytes); i++)
        {
            if (sender < 0) return;
            Conversation rank = _ranks[sender];
            if (rank.IsReceiving)
            {
                // Its message is still coming: the others' may not wait for that.
                ReceiveFromOthers();
                return;
            }

            StartToReceive(rank, bytes);
        }
    }

    /// <summary>Lets the worker of rank 0 answer once all that it has sent is taken: it has this thread too, and would wait for itself.</summary>
    private bool AnswerOwn()
    {
        bool hasTaken = HasTakenOwn();
        if (hasTaken) _worker.AnswerWhatIsAsked();
        return hasTaken;
    }

    private bool HasTakenOwn()
    {
        Conversation own = _ranks[_world.Rank];
        while (true)
        {
            if (own.HasReceived()) Handle(own);
            else if (own.IsReceiving) return false;
            else if (_world.Probe(own.Rank, Tag.ToServer, out _, out long bytes)) StartToReceive(own, bytes);
            else return true;
        }
    }

    private void ReceiveFromOthers()
    {
        foreach (Conversation rank in _ranks)
            if (!rank.IsReceiving && _world.Probe(rank.Rank, Tag.ToServer, out _, out long bytes)) StartToReceive(rank, bytes);
    }

    private void StartToReceive(Conversation rank, long bytes)
    {
        bool isVector = bytes == Head.Bytes + _payloadBytes && rank.VectorsDue > 0 && rank.AskedInStep == _step && Wants(_rounds[rank.Group]);
        VectorSlot? slot = isVector ? _slots.TryTake() : null;
        int answerBytes = rank.Asked is MessageKind.SendLeaves or MessageKind.SendLeaf ? _dissenters.AnswerBytes : _ends ? ByeBytes : 0;
        rank.Receive(bytes, slot, Head.Bytes + answerBytes);
        if (rank.HasReceived()) Handle(rank);
    }

    private static bool Wants(GroupRound round) => round.State is GroupState.Voting or GroupState.Fetching;

    private void Handle(Conversation rank)
    {
        if (rank.WasDropped)
        {
            if (rank.Slot is not null) _slots.GiveBack(rank.TakeSlot());

            // A vector that was asked for, or announced, and came when its group had another already.
            if (rank.Bytes == Head.Bytes + _payloadBytes && rank.VectorsDue > 0) rank.VectorsDue--;
            else Refuse(rank);
            return;
        }

        Head head = rank.Head;
        bool isWhole = head.Length == rank.Bytes - Head.Bytes;
        switch (head.Kind)
        {
            case MessageKind.Ballot when isWhole && head.Length == 0 && IsVote(rank, head):
                TakeBallot(rank, head);
                break;
            case MessageKind.Vector when isWhole && rank.VectorsDue > 0 && head.Step == rank.AskedInStep:
                TakeVector(rank, head);
                break;
            case MessageKind.Leaves or MessageKind.Leaf when isWhole && rank.Asked != MessageKind.None && head.Step == rank.AskedInStep && TakeAnswer(rank, head):
                break;
            case MessageKind.WeightsWanted when isWhole && head.Length == 0 && rank.OwesBallotOf(head.Step) && !rank.HasWeightsFromHere:
                rank.HasWeightsFromHere = true;
                rank.IsAbsent = false;
                WeightsWanted(rank, head.Flags);
                break;
            case MessageKind.Bye when isWhole && head.Length == ByeBytes && _ends && !rank.HasLeft:
                TakeBye(rank);
                break;
            default:
                if (rank.Slot is not null) _slots.GiveBack(rank.TakeSlot());
                Refuse(rank);
                break;
        }
    }

    private bool IsVote(Conversation rank, in Head head) => (head.Flags & HeadFlags.Again) == 0
        ? rank.OwesBallotOf(head.Step)
        : rank.Asked == MessageKind.Recompute && head.Step == rank.AskedInStep;

    /// <summary>An answer that comes after its step has no one left to tell of it, and is none the worse for that.</summary>
    private bool TakeAnswer(Conversation rank, in Head head)
    {
        if (head.Step == _step && !_ends) return _dissenters.Take(rank, head.Kind);
        rank.Answered();
        return true;
    }

    private void TakeBallot(Conversation rank, in Head head)
    {
        Settle(rank, head.Step);
        bool again = (head.Flags & HeadFlags.Again) != 0;
        Ballot? majority = null;
        if (again) rank.Answered();
        else majority = rank.Pay(head.Step);
        rank.IsAbsent = false;
        if (head.Step != _step)
        {
            if (!again) TakeLateBallot(rank, head, majority);
            return;
        }

        rank.Ballot = head.Ballot;
        rank.HasDamagedWeights = (head.Flags & HeadFlags.WeightsDamaged) != 0;
        if (rank.HasDamagedWeights) _record.Add(new Blame(_step, rank.Rank, rank.Group, Fault.DamagedWeights));
        if ((head.Flags & HeadFlags.VectorFollows) != 0) rank.Expect(_step);
        if (float.IsFinite(head.ComputeSeconds)) _computing = Math.Max(_computing, head.ComputeSeconds);
        if (float.IsFinite(head.AttackSeconds)) _attack = Math.Max(_attack, head.AttackSeconds);
        Compare(rank);
    }

    /// <summary>A ballot of a step that is over is compared all the same; the rank takes up this step if its group wants it.</summary>
    private void TakeLateBallot(Conversation rank, in Head head, Ballot? groups)
    {
        if (groups is { } majority && head.Ballot != majority && (head.Flags & HeadFlags.WeightsDamaged) == 0)
            _record.Add(new Blame(head.Step, rank.Rank, rank.Group, Fault.Dissent));
        if ((head.Flags & HeadFlags.VectorFollows) != 0) rank.Expect(head.Step);
        if (WaitsForAll || _rounds[rank.Group].State == GroupState.Voting) LetProceed(rank);
    }

    private void TakeVector(Conversation rank, in Head head)
    {
        rank.VectorsDue--;
        GroupRound round = _rounds[rank.Group];
        if (rank.Slot is null)
        {
            // A vector of no floats, where one was due.
            if (head.Step == _step && Wants(round)) Fail(round, rank, Fault.VectorMismatch);
            else _record.Add(new Blame(head.Step, rank.Rank, rank.Group, Fault.VectorMismatch));
            return;
        }

        if (rank.Rank != 0) _record.VectorBytes += head.Length;
        if (head.Step == _step && Wants(round)) round.Candidates.Add((rank.Rank, rank.TakeSlot()));
        else _slots.GiveBack(rank.TakeSlot());
    }

    private void TakeBye(Conversation rank)
    {
        Settle(rank, long.MaxValue);
        rank.HasLeft = true;
        rank.IsAbsent = false;
        _peak = Math.Max(_peak, MemoryMarshal.Read<long>(rank.Body));
        _devicePeak = Math.Max(_devicePeak, MemoryMarshal.Read<long>(rank.Body[sizeof(long)..]));
    }

    /// <summary>A message that fits nothing. Where a ballot was due it stands for one, a wrong one: so nobody waits for a better.</summary>
    private void Refuse(Conversation rank)
    {
        rank.IsAbsent = false;

        // Whatever stands in place of a last word, its rank is there to end.
        rank.HasLeft |= _ends;
        if (!_ends) _record.Add(new Blame(_step, rank.Rank, rank.Group, Fault.Protocol));
        if (rank.VectorsDue > 0)
        {
            rank.VectorsDue = 0;
            if (Wants(_rounds[rank.Group])) _rounds[rank.Group].Tried.Add(rank.Rank);
            if (_rounds[rank.Group].Source == rank.Rank) _rounds[rank.Group].Source = -1;
        }

        if (rank.Asked == MessageKind.Recompute) rank.Ballot = Ballot.Invalid;
        rank.WasRefused = true;
        _dissenters.GiveUp(rank);
        rank.Answered();
        if (!rank.Owes) return;
        bool isThisStep = rank.OwesBallotOf(_step);
        rank.Pay(rank.NewestOwed);
        if (isThisStep) rank.Ballot = Ballot.Invalid;
        else if (WaitsForAll || _rounds[rank.Group].State == GroupState.Voting) LetProceed(rank);
    }

    /// <summary>What a rank left unanswered, and promised, in an earlier step: its messages come in their order, so it will not come any more.</summary>
    private void Settle(Conversation rank, long step)
    {
        if (rank.AskedInStep >= step || (rank.Asked == MessageKind.None && rank.VectorsDue == 0)) return;
        _record.Add(new Blame(rank.AskedInStep, rank.Rank, rank.Group, Fault.NoAnswer));
        rank.LeftQuestionIn = rank.AskedInStep;
        rank.Answered();
        rank.VectorsDue = 0;
    }

    private void Advance(GroupRound round)
    {
        if (round.State == GroupState.Voting) Elect(round);
        if (round.State != GroupState.Fetching) return;
        for (int i = 0; i < round.Candidates.Count && round.State == GroupState.Fetching; i++)
        {
            (int sender, VectorSlot slot) = round.Candidates[i];
            if (_ranks[sender].Ballot != round.Majority) continue;
            round.Candidates.RemoveAt(i--);
            Verify(round, _ranks[sender], slot);
        }

        if (round.State == GroupState.Fetching) Fetch(round);
    }

    /// <summary>7. The majority of the ballots that are here. A group is void when those that are missing could not change that.</summary>
    private void Elect(GroupRound round)
    {
        ReadOnlySpan<int> members = _groups.Members(round.Group);
        Span<Ballot> ballots = stackalloc Ballot[members.Length];
        bool isAwaited = false, anyMissing = false;
        for (int i = 0; i < members.Length; i++)
        {
            Conversation rank = _ranks[members[i]];
            ballots[i] = rank.Ballot ?? Ballot.Invalid;
            isAwaited |= MayVote(rank);
            anyMissing |= rank.Ballot is null;
        }

        int winner = Vote.Majority(ballots);
        if (winner < 0 && Stopwatch.GetElapsedTime(_start) > _patience.Answer) OfferAgain(members);
        if (winner >= 0)
        {
            round.Majority = ballots[winner];
            round.State = GroupState.Fetching;
            foreach (int member in members) Compare(_ranks[member]);
        }
        else if (!isAwaited && _options.OnVoid == OnVoid.Recompute && !round.IsRepeated)
        {
            round.IsRepeated = true;
            _deadline = Math.Max(_deadline, Stopwatch.GetTimestamp() + Ticks(_patience.Whole));
            foreach (int member in members)
                if (_ranks[member].Ballot is not null) _ranks[member].Ask(MessageKind.Recompute, _step);
        }
        else if (!isAwaited)
        {
            Void(round, byTime: anyMissing);
        }
    }

    /// <summary>A group that is short of ballots takes those of ranks that owe an older step too.</summary>
    private void OfferAgain(ReadOnlySpan<int> members)
    {
        foreach (int member in members)
            if (_ranks[member].Ballot is null && !_ranks[member].OwesBallotOf(_step)) LetProceed(_ranks[member]);
    }

    private void Void(GroupRound round, bool byTime)
    {
        round.State = GroupState.Void;
        round.IsVoidByTime = byTime;
        GiveBackCandidates(round);
    }

    private void GiveBackCandidates(GroupRound round)
    {
        foreach ((_, VectorSlot slot) in round.Candidates) _slots.GiveBack(slot);
        round.Candidates.Clear();
    }

    private void Verify(GroupRound round, Conversation sender, VectorSlot slot)
    {
        slot.Send();
        if (_tree.Compute(slot.Payload) != round.Majority)
        {
            _slots.GiveBack(slot);
            Fail(round, sender, Fault.VectorMismatch);
            return;
        }

        round.State = GroupState.Verified;
        round.Winner = slot;
        _tree.Leaves.CopyTo(round.Leaves);
        GiveBackCandidates(round);
        foreach (int member in _groups.Members(round.Group)) Compare(_ranks[member]);
    }

    private void Fail(GroupRound round, Conversation sender, Fault fault)
    {
        _record.Add(new Blame(_step, sender.Rank, round.Group, fault));
        sender.LeftQuestionIn = _step;
        round.Tried.Add(sender.Rank);
        if (round.Source == sender.Rank) round.Source = -1;
    }

    /// <summary>Sees to it that somebody is sending: who has announced it, or the next holder of the majority ballot, best those that have always answered.
    /// One that takes long is not waited for alone.</summary>
    private void Fetch(GroupRound round)
    {
        long now = Stopwatch.GetTimestamp();
        if (round.Source >= 0 && now - round.SourceSince < Ticks(_patience.Answer)) return;
        if (round.Source >= 0) round.Tried.Add(round.Source);
        round.Source = -1;
        Conversation? next = null;
        foreach (int member in _groups.Members(round.Group))
        {
            Conversation rank = _ranks[member];
            if (rank.Ballot != round.Majority || round.Tried.Contains(member)) continue;
            if (next is null || Preference(rank) < Preference(next)) next = rank;
        }

        if (next is not null)
        {
            if (next.VectorsDue == 0) next.Ask(MessageKind.SendVector, _step);
            (round.Source, round.SourceSince) = (next.Rank, now);
            return;
        }

        // Everybody who has this ballot was asked. Wait for who may still send, or vote.
        bool isDue = false, isExpected = false, isAwaited = false, anyMissing = false;
        foreach (int member in _groups.Members(round.Group))
        {
            Conversation rank = _ranks[member];
            isAwaited |= MayVote(rank);
            anyMissing |= rank.Ballot is null;
            if (rank.Ballot != round.Majority || rank.VectorsDue == 0) continue;
            isDue = true;
            isExpected |= !rank.LeavesQuestions(_step);
        }

        bool isLate = now > Math.Max(_deadline, round.SourceSince + Ticks(_patience.Whole));
        if (isLate || !(isExpected || isAwaited)) Void(round, byTime: isDue || anyMissing);
    }

    private int Preference(Conversation rank) => (rank.LeavesQuestions(_step) ? 2 : 0) + (rank.VectorsDue > 0 ? 0 : 1);

    /// <summary>9. Once its group's vector is verified, a rank whose ballot is another one is asked where it differs.</summary>
    private void Compare(Conversation rank)
    {
        GroupRound round = _rounds[rank.Group];
        if (round.State != GroupState.Verified || rank.Ballot is not { } ballot || ballot == round.Majority) return;
        if (rank.HasDamagedWeights || rank.WasRefused) return;
        _dissenters.Examine(rank, round);
    }

    /// <summary>The step's deadline has come: ranks that were silent until now are absent from now on.</summary>
    private void Expire()
    {
        foreach (Conversation rank in _ranks)
            if (IsAwaited(rank) || (rank.Owes && !rank.IsAbsent)) MarkAbsent(rank, Stopwatch.GetElapsedTime(_start));
    }

    /// <summary>Where steps do not wait for all, a rank may owe a ballot for many steps, and is absent once it does so for too long.</summary>
    private void MarkOverdue()
    {
        foreach (Conversation rank in _ranks)
        {
            TimeSpan owing = rank.Owes ? Stopwatch.GetElapsedTime(rank.OwesSince) : TimeSpan.Zero;
            if (!rank.IsAbsent && owing > _patience.Whole) MarkAbsent(rank, owing);
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
        foreach (GroupRound round in _rounds)
        {
            if (round.State == GroupState.Void) _record.Voids.Add(round.Group);
            if (round.IsVoidByTime) _record.VoidsByTime.Add(round.Group);
            GiveBackCandidates(round);
        }

        _dissenters.Close(_rounds);
        foreach (Conversation rank in _ranks)
        {
            if (rank.Ballot is null) _record.Missing.Add(rank.Rank);
            if (_rounds[rank.Group].State == GroupState.Verified) rank.Remember(_step, _rounds[rank.Group].Majority);
        }

        if (!WaitsForAll) MarkOverdue();
    }
}

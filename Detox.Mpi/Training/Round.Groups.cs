using System.Diagnostics;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <content>What becomes of a group: who computes first, the vote, the vector, who dissents.</content>
internal sealed partial class Round
{
    /// <summary>Where majorities suffice: as many ranks of each group as make one are to compute a step first. Those that erred least lately, and
    /// among equals other ones in each step, so that all are compared in turn.</summary>
    public void ChooseSpares(long step)
    {
        foreach (GroupRound round in _rounds)
        {
            ReadOnlySpan<int> members = _groups.Members(round.Group);
            foreach (int member in members) _ranks[member].IsSpare = !WaitsForAll;
            for (int chosen = 0; chosen < MajorityOf(members) && !WaitsForAll; chosen++)
            {
                Conversation? best = null;
                for (int i = 0; i < members.Length; i++)
                {
                    Conversation rank = _ranks[members[(int)((i + step) % members.Length)]];
                    if (rank.IsSpare && rank.IsHere && (best is null || rank.ErredIn < best.ErredIn)) best = rank;
                }

                if (best is not null) best.IsSpare = false;
            }
        }
    }

    /// <summary>7. The majority of the ballots that are here. A group is void when those that are missing could not change that.</summary>
    private void Elect(GroupRound round)
    {
        ReadOnlySpan<int> members = _groups.Members(round.Group);
        Span<Ballot> room = stackalloc Ballot[members.Length];
        bool isAwaited = false, anyMissing = false;
        int votes = 0;
        foreach (int member in members)
        {
            // Of a group that has lost a rank the rest are the group.
            Conversation rank = _ranks[member];
            if (rank.IsQuarantined) continue;
            room[votes++] = rank.Ballot ?? Ballot.Invalid;
            isAwaited |= MayVote(rank);
            anyMissing |= rank.Ballot is null;
        }

        Span<Ballot> ballots = room[..votes];
        int winner = Vote.Majority(ballots);
        if (winner < 0) CallSpares(members, ballots);
        if (winner < 0 && Stopwatch.GetElapsedTime(_start) > _patience.Answer) OfferAgain(members);
        if (winner >= 0)
        {
            round.Majority = ballots[winner];
            round.State = GroupState.Fetching;
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

    /// <summary>More than half of those that are asked.</summary>
    private int MajorityOf(ReadOnlySpan<int> members)
    {
        int asked = 0;
        foreach (int member in members)
            if (!_ranks[member].IsQuarantined) asked++;
        return (asked / 2) + 1;
    }

    /// <summary>Where those that were to compute first cannot make a majority any more, the spare ranks are called at once.</summary>
    private void CallSpares(ReadOnlySpan<int> members, ReadOnlySpan<Ballot> ballots)
    {
        int most = 0, coming = 0, spares = 0;
        foreach (int member in members)
        {
            Conversation rank = _ranks[member];
            if (rank.IsQuarantined) continue;
            if (rank.IsSpare) spares++;
            else if (rank.Ballot is null && MayVote(rank)) coming++;
        }

        foreach (Ballot ballot in ballots)
            if (!ballot.IsInvalid) most = Math.Max(most, ballots.Count(ballot));
        if (spares == 0 || most + coming >= MajorityOf(members)) return;
        foreach (int member in members)
        {
            if (!_ranks[member].IsSpare || _ranks[member].Ballot is not null) continue;
            Hurry(_ranks[member]);
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

    /// <summary>Hashes the vectors that are here, one of each group that wants one, all together: a GPU is waited for once, not once a vector. A group whose
    /// vector is wrong comes in again with the next that is here.</summary>
    private void Verify()
    {
        while (true)
        {
            _verifying.Clear();
            foreach (GroupRound round in _rounds)
                if (round.State == GroupState.Fetching) TakeCandidate(round);
            if (_verifying.Count == 0) return;
            for (int i = 0; i < _verifying.Count; i++)
            {
                _verifying[i].Slot.Send();
                _offsets[i] = _verifying[i].Slot.Payload.Offset;
            }

            _tree.Compute(new Rows(_slots.Memory, _offsets.AsSpan(0, _verifying.Count), _tree.Length), _ballots);
            for (int i = 0; i < _verifying.Count; i++) Verify(_verifying[i].Round, _verifying[i].Sender, _verifying[i].Slot, _ballots[i], _tree.LeavesOf(i));
        }
    }

    private void TakeCandidate(GroupRound round)
    {
        while (round.State == GroupState.Fetching)
        {
            int at = round.Candidates.FindIndex(candidate => _ranks[candidate.Rank].Ballot == round.Majority);
            if (at < 0) return;
            (int sender, VectorSlot slot) = round.Candidates[at];
            round.Candidates.RemoveAt(at);

            // Received where it was computed and hashed: no rank can have changed it since.
            if (slot.Digest is not { } known)
            {
                _verifying.Add((round, _ranks[sender], slot));
                return;
            }

            Verify(round, _ranks[sender], slot, known.Ballot, known.Leaves);
        }
    }

    /// <summary>A vector counts if it hashes to its group's majority.</summary>
    private void Verify(GroupRound round, Conversation sender, VectorSlot slot, Ballot ballot, ReadOnlySpan<byte> leaves)
    {
        if (ballot != round.Majority)
        {
            _slots.GiveBack(slot);
            Fail(round, sender, Fault.VectorMismatch);
            return;
        }

        round.State = GroupState.Verified;
        round.Winner = slot;
        leaves.CopyTo(round.Leaves);
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

    /// <summary>9. Once its group's vector is verified, a rank whose ballot is another one is asked where it differs. One that computes once more has not said its last.</summary>
    private void Compare(Conversation rank)
    {
        GroupRound round = _rounds[rank.Group];
        if (round.State != GroupState.Verified || rank.Ballot is not { } ballot || ballot == round.Majority) return;
        if (rank.HasDamagedWeights || rank.WasRefused || rank.Asked == MessageKind.Recompute) return;
        _dissenters.Examine(rank, round);
    }
}

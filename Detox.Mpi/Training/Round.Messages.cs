using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <content>What ranks send: received where there is room for it, held against what the conversation expects, taken or refused.</content>
internal sealed partial class Round
{
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
        // One that its group no longer wants is received too: to drop it would need its sender awake. What lies where rank 0 reads stays there.
        bool isVector = bytes == Head.Bytes + _payloadBytes && rank.VectorsDue > 0;
        VectorSlot? slot = isVector ? _slots.TryHold(_world.SentFrom(rank.Rank, Tag.ToServer)) ?? _slots.TryTake() : null;
        int answerBytes = rank.Asked is MessageKind.SendLeaves or MessageKind.SendLeaf ? _dissenters.AnswerBytes : _ends ? _byeBytes : 0;
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
            case MessageKind.WeightsWanted when isWhole && head.Length == 0 && rank.OwesBallotOf(head.Step) && head.Step < rank.NewestOwed:
                // Those weights are gone, and the rank will find that it was let to a newer step meanwhile.
                rank.Pay(head.Step);
                rank.IsAbsent = false;
                break;
            case MessageKind.WeightsWanted when isWhole && head.Length == 0 && rank.OwesBallotOf(head.Step) && !rank.HasWeightsFromHere:
                rank.HasWeightsFromHere = true;
                rank.IsAbsent = false;
                WeightsWanted(rank, head.Flags);
                break;
            case MessageKind.Bye when isWhole && head.Length == _byeBytes && _ends && !rank.HasLeft:
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
        if (_isOpen && head.Step == _step) return _dissenters.Take(rank, head.Kind);
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
        if (head.Step != _step || !_isOpen)
        {
            if (!again) TakeLateBallot(rank, head, majority);
            return;
        }

        rank.Ballot = head.Ballot;
        rank.HasDamagedWeights = (head.Flags & HeadFlags.WeightsDamaged) != 0;
        rank.HasConfirmedWeights = !rank.HasDamagedWeights;
        if ((head.Flags & HeadFlags.StopWanted) != 0) StopWantedBy ??= rank;
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
        if (!_isOpen) return;
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
        rank.AwaitsWeights = false;
        rank.HasConfirmedWeights = (rank.Head.Flags & HeadFlags.WeightsDamaged) == 0;
        rank.Pay(long.MaxValue);
        RankTally tally = MemoryMarshal.Read<RankTally>(rank.Body);
        if (tally.IsPlausible) rank.Tally = tally;
    }

    /// <summary>A message that fits nothing. Where a ballot was due it stands for one, a wrong one: so nobody waits for a better.</summary>
    private void Refuse(Conversation rank)
    {
        rank.IsAbsent = false;

        // Whatever stands in place of a last word, its rank is there to end; but it may come from an older step, and more behind it.
        if (_ends) rank.RefusedAtEnd = Stopwatch.GetTimestamp();
        else _record.Add(new Blame(_step, rank.Rank, rank.Group, Fault.Protocol));
        if (rank.VectorsDue > 0)
        {
            rank.VectorsDue = 0;
            if (Wants(_rounds[rank.Group])) _rounds[rank.Group].Tried.Add(rank.Rank);
            if (_rounds[rank.Group].Source == rank.Rank) _rounds[rank.Group].Source = -1;
        }

        if (rank.Asked == MessageKind.Recompute) rank.Ballot = Ballot.Invalid;
        rank.WasRefused = true;
        rank.DissentedIn = _step;
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
}

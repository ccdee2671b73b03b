using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>A rank's part of a step: the gradient, the ballot, and the answers to what rank 0 asks.</summary>
/// <remarks>Rank 0 has a worker like the others', to which it speaks by messages like to the others.</remarks>
internal sealed class Worker : IDisposable
{
    /// <summary>Rank 0 may evaluate, or write, for a long time; one that says nothing for longer is gone.</summary>
    private static readonly TimeSpan _longestSilence = TimeSpan.FromHours(1);

    private readonly Communicator _world;
    private readonly Payload _payload;
    private readonly GroupVote _group;
    private readonly WeightsTaker _taker;
    private readonly StrayMessages _strays;
    private readonly Attack _attack;
    private readonly int _groupNumber;
    private readonly int _threads;
    private readonly Instruction[] _instruction = new Instruction[1];
    private readonly Outbox<Head> _outbox;
    private readonly byte[] _answer;
    private readonly Func<bool> _hasSpoken;
    private readonly Func<bool> _isSuperseded;
    private Request _listening;
    private Instruction? _leave;
    private Request? _sendingVector;
    private Request? _sendingAnswer;
    private long _step = -1;
    private long _voted = -1;
    private AttackContext? _attacker;
    private bool _weightsDamaged;
    private bool _hasTurn;
    private bool _rests;
    private RankTally _tally;
    private TimeSpan _hold;
    private long _weightsArrived;
    private float _computeSeconds;
    private float _attackSeconds;

    public Worker(
        Communicator world,
        ReadOnlySpan<int> group,
        int groupNumber,
        Device device,
        IPayloadSource payloads,
        ModelWeights weights,
        WeightsTaker taker,
        int payloadLength,
        BallotKind ballot,
        Attack attack,
        int threads)
    {
        _world = world;
        _groupNumber = groupNumber;
        Weights = weights;
        _taker = taker;
        _payload = new Payload(device, payloads, ballot, payloadLength);
        _attack = attack;
        _threads = threads;
        _group = new GroupVote(world, group);
        _strays = new StrayMessages(world, group.ToArray(), attack.NeedsHonestGradients);
        _outbox = new Outbox<Head>(world, 0, Tag.ToServer);
        _answer = GC.AllocateArray<byte>(Head.Bytes + Math.Max(Unsafe.SizeOf<RankTally>(), Math.Max(_payload.LeafBytes, BallotTree.LeafFloats * sizeof(float))), pinned: true);
        _listening = Listen();
        _hasSpoken = () => _listening.Test();
        _isSuperseded = () => IsSuperseded;
    }

    public ModelWeights Weights { get; }

    /// <summary>Whether this rank holds back where others suffice. Not rank 0, whom all others would wait for meanwhile.</summary>
    public bool HoldsBack { get; init; } = true;

    /// <summary>Whether this rank was told that the run is to stop.</summary>
    public Func<bool> WantsStop { get; init; } = static () => false;

    /// <summary>The step that <see cref="NextStep"/> returned last.</summary>
    public long CurrentStep => _step;

    /// <summary>The loss of this rank's part as it was computed, before any attack but one on the samples; from <see cref="Vote"/> on.</summary>
    public float HonestLoss => _payload.HonestLoss;

    /// <summary>The exit code that rank 0 has sent with its last word.</summary>
    public int ExitCode { get; private set; }

    /// <summary>Answers what rank 0 asks until it lets this rank compute a step, whose weights are here then.</summary>
    /// <returns>The step; null where none follows.</returns>
    public long? NextStep()
    {
        while (true)
        {
            switch (Heed(NextInstruction()))
            {
                case MessageKind.Proceed:
                    return _step;
                case MessageKind.End:
                    return null;
            }
        }
    }

    /// <summary>Takes up what rank 0 lets this rank do, if it has spoken: for the rank that is rank 0, which must not wait for itself.</summary>
    public void TakeUp()
    {
        while (_listening.Test() && Heed(NextInstruction()) is not (MessageKind.Proceed or MessageKind.End))
        {
            // Questions come before.
        }
    }

    /// <summary>Answers what rank 0 has asked so far: for the rank that is rank 0, while it waits for the others.</summary>
    public void AnswerWhatIsAsked()
    {
        while (_listening.Test())
        {
            // It is offered no step that it could begin while it sees to this one.
            Instruction instruction = NextInstruction();
            if (instruction.Head.Kind is not (MessageKind.Proceed or MessageKind.Rest)) Answer(instruction);
        }
    }

    /// <summary>3. The gradient of the group's part. A rank whose weights are damaged has nothing to say in this step.</summary>
    /// <param name="attacker">What this rank knows as an attacker; null where it is honest.</param>
    /// <returns>False where rank 0 has spoken again while this rank waited: for another step, or so that it waits no longer.</returns>
    public bool ComputeGradient(AttackContext? attacker)
    {
        _attacker = attacker;
        _attackSeconds = 0;
        _sendingVector?.Wait();
        _strays.Drop();
        long start = Stopwatch.GetTimestamp();
        if (_hold > TimeSpan.Zero && _world.Await(_isSuperseded, _hold)) return false;
        if (!_hasTurn) _world.TakeTurn(_threads);
        _hasTurn = true;
        Lap(ref _tally.TurnSeconds, ref start);
        if (IsSuperseded) return false;
        if (!_weightsDamaged) Compute(attempt: 0);
        Lap(ref _tally.ComputeSeconds, ref start);

        // The ballot belongs to the same turn, unless colluders have to speak with others first.
        if (_attack.NeedsHonestGradients) EndTurn();
        return true;
    }

    /// <summary>4. Lets an attack read the payload as this rank would send it, in the message in which it would, and change it where this rank is an attacker.</summary>
    /// <param name="edit">Returns the seconds that it took beyond what the method takes.</param>
    public void EditPayload(Func<Memory<float>, float> edit)
    {
        if (_attacker is null) _payload.Fetch();
        else _payload.Own();
        _computeSeconds = SinceWeights();
        _attackSeconds += edit(_payload.Message);
        if (_attacker is not null) _payload.Send();
    }

    /// <summary>5. The ballot, hinted at to the group and told to rank 0. 6. Whoever completes its group's majority sends its vector at once.</summary>
    public void Vote()
    {
        long start = Stopwatch.GetTimestamp();
        Ballot ballot = CastBallot();

        // A GPU's gradient is known to be here only now; where colluders have spoken with others meanwhile, that was no computing.
        if (!_attack.NeedsHonestGradients) _computeSeconds = SinceWeights();
        EndTurn();
        bool completes = _group.Show(_step, ballot);
        Tell(
            ballot,
            (completes ? HeadFlags.VectorFollows : HeadFlags.None) | (_weightsDamaged ? HeadFlags.WeightsDamaged : HeadFlags.None) | (WantsStop() ? HeadFlags.StopWanted : HeadFlags.None));
        if (completes) SendVector();
        _voted = _step;
        Lap(ref _tally.VoteSeconds, ref start);
    }

    /// <summary>The last word: what memory this rank took, and whether it has the last weights.</summary>
    public void Leave(long peakBytes, long deviceBytes)
    {
        int length = Unsafe.SizeOf<RankTally>();
        _tally.PeakBytes = peakBytes;
        _tally.DeviceBytes = deviceBytes;
        MemoryMarshal.Write(Answer(MessageKind.Bye, length, _weightsDamaged ? HeadFlags.WeightsDamaged : HeadFlags.None), in _tally);
        SendAnswer(length);
    }

    /// <summary>Waits for the word with which rank 0 ends this rank.</summary>
    public void AwaitLeave()
    {
        while (_leave is null)
        {
            Instruction instruction = NextInstruction();
            if (instruction.Head.Kind == MessageKind.Leave) _leave = instruction;
        }

        ExitCode = _leave.Value.Head.Number;
        const double seconds = 1;
        _taker.Finish(TimeSpan.FromSeconds(seconds));
        _strays.DropAll();
    }

    public void Dispose() => _payload.Dispose();

    private Request Listen() => _world.ImmediateReceive<Instruction>(_instruction, 0, Tag.FromServer);

    private Instruction NextInstruction()
    {
        long start = Stopwatch.GetTimestamp();
        if (!_world.Await(_hasSpoken, _rests ? Timeout.InfiniteTimeSpan : _longestSilence))
            throw new DetoxException(Mpi.ExitCode.Unexpected, $"rank {_world.Rank} has heard nothing from rank 0 for {_longestSilence.TotalMinutes:F0} minutes.");
        Lap(ref _tally.WaitSeconds, ref start);
        Instruction instruction = _instruction[0];
        if (instruction.Head.Kind != MessageKind.Leave) _listening = Listen();
        return instruction;
    }

    /// <summary>Whether rank 0 has let this rank to another step, or to none.</summary>
    private bool IsSuperseded => _listening.Test() && _instruction[0].Head.Kind is MessageKind.Proceed or MessageKind.End or MessageKind.Leave;

    /// <summary>Does what rank 0 says; what it was: Proceed only where the weights are here, or damaged.</summary>
    private MessageKind Heed(Instruction instruction)
    {
        // Rank 0 has one step under way with each rank, but a rank that was away may find an older one first.
        while (instruction.Head.Kind == MessageKind.Proceed && IsSuperseded) instruction = NextInstruction();
        if (instruction.Head.Kind is MessageKind.End or MessageKind.Leave)
        {
            _weightsDamaged = instruction.Head.Kind == MessageKind.Leave || instruction.Head.Ballot.IsInvalid || !_taker.Take(instruction, _hasSpoken);

            // Who took nothing for long may miss the word that no step follows, and hear only the very last one.
            if (instruction.Head.Kind == MessageKind.Leave) _leave = instruction;
            EndTurn();
            return MessageKind.End;
        }

        if (instruction.Head.Kind != MessageKind.Proceed)
        {
            if (instruction.Head.Kind == MessageKind.Rest) _rests = true;
            else Answer(instruction);
            return MessageKind.None;
        }

        // A call not to hold back that came when this rank had voted is of no use any more.
        if (instruction.Head.Step <= _voted) return MessageKind.None;
        _step = instruction.Head.Step;
        long start = Stopwatch.GetTimestamp();
        _weightsDamaged = !_taker.Take(instruction, _hasSpoken);
        Lap(ref _tally.WeightsSeconds, ref start);
        _tally.TakenBytes += Weights.Bytes.Length;
        _weightsArrived = Stopwatch.GetTimestamp();
        bool holds = HoldsBack && (instruction.Head.Flags & HeadFlags.Spare) != 0 && _world.IsCrowded;
        _hold = holds ? TimeSpan.FromSeconds(instruction.HoldSeconds) : TimeSpan.Zero;
        if (holds) EndTurn();

        // Where rank 0 has spoken again, these weights are not wanted any more.
        return _weightsDamaged && _listening.Test() ? MessageKind.None : MessageKind.Proceed;
    }

    private void Answer(in Instruction instruction)
    {
        switch (instruction.Head.Kind)
        {
            case MessageKind.SendVector:
                SendVector();
                break;
            case MessageKind.Recompute:
                Recompute();
                break;
            case MessageKind.SendLeaves:
                _payload.Leaves.CopyTo(Answer(MessageKind.Leaves, _payload.LeafBytes));
                SendAnswer(_payload.LeafBytes);
                break;
            case MessageKind.SendLeaf:
                _payload.Fetch();
                int start = Head.Floats + (instruction.Head.Number * BallotTree.LeafFloats);
                int length = Math.Min(BallotTree.LeafFloats, _payload.Message.Length - start) * sizeof(float);
                MemoryMarshal.AsBytes(_payload.Message.Span)[(start * sizeof(float))..][..length].CopyTo(Answer(MessageKind.Leaf, length));
                SendAnswer(length);
                break;
            default:
                throw new InvalidOperationException($"Rank 0 sent rank {_world.Rank} a {instruction.Head.Kind}, which is no question.");
        }
    }

    private Span<byte> Answer(MessageKind kind, int length, HeadFlags flags = HeadFlags.None)
    {
        _sendingAnswer?.Wait();
        Head head = new() { Step = _step, Kind = kind, Length = length, Flags = flags };
        MemoryMarshal.Write(_answer, in head);
        return _answer.AsSpan(Head.Bytes, length);
    }

    private void SendAnswer(int length)
    {
        _sendingAnswer = _world.ImmediateSend<byte>(_answer.AsMemory(0, Head.Bytes + length), 0, Tag.ToServer);
        _tally.SentBytes += Head.Bytes + length;
    }

    private void SendVector()
    {
        _sendingVector?.Wait();
        _payload.Fetch();
        Head head = new() { Step = _step, Kind = MessageKind.Vector, Length = (int)_payload.View.Length * sizeof(float) };
        MemoryMarshal.Write(MemoryMarshal.AsBytes(_payload.Message.Span), in head);
        _sendingVector = _world.ImmediateSend<float>(_payload.Message, 0, Tag.ToServer);
        _tally.SentBytes += _payload.Message.Length * sizeof(float);
    }

    /// <summary>The part once more, for a void group.</summary>
    private void Recompute()
    {
        _sendingVector?.Wait();

        // Colluders keep their forged payload: the honest gradients have not changed.
        bool keepsForgery = _attacker is not null && _attack.NeedsHonestGradients;
        if (!_weightsDamaged && !keepsForgery) Compute(attempt: 1);
        Tell(CastBallot(), HeadFlags.Again);
    }

    private void Tell(Ballot ballot, HeadFlags flags)
    {
        _outbox.Send(new Head
        {
            Step = _step,
            Kind = MessageKind.Ballot,
            Ballot = ballot,
            ComputeSeconds = _computeSeconds,
            AttackSeconds = _attackSeconds,
            Flags = flags,
        });
        _tally.SentBytes += Head.Bytes;
    }

    private void Compute(int attempt)
    {
        _payload.Compute(_step, _groupNumber, attempt, _attacker is null ? null : _attack as SampleAttack, _taker.View);
        if (!_taker.AreStill(_step)) _weightsDamaged = true;
        if (_attacker is null || _attack.NeedsHonestGradients) return;
        EditPayload(message =>
        {
            _attack.Replace(message.Span[Head.Floats..], _attacker.Value);
            return 0;
        });
    }

    /// <summary>Adds the time since a moment, and makes that moment now.</summary>
    private static void Lap(ref double seconds, ref long since)
    {
        long now = Stopwatch.GetTimestamp();
        seconds += Stopwatch.GetElapsedTime(since, now).TotalSeconds;
        since = now;
    }

    private float SinceWeights() => (float)Stopwatch.GetElapsedTime(_weightsArrived).TotalSeconds;

    private void EndTurn()
    {
        if (_hasTurn) _world.GiveTurn();
        _hasTurn = false;
    }

    private Ballot CastBallot() => _weightsDamaged ? Ballot.Invalid : _payload.CastBallot();
}

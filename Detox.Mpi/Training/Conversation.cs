using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>What rank 0 knows of one rank, and what it may expect from it now.</summary>
/// <remarks>A rank owes a ballot for each step that it was let to, until it has voted in that or a later one, and may owe a few at a time: so it learns that
/// a step is over, and may answer although an answer was lost. So a rank that is late, stopped or dead costs rank 0
/// a few messages, and what comes too much, too long, for another step or unasked is known as such.</remarks>
internal sealed class Conversation(Communicator world, int rank, int group, string host)
{
    private readonly Head[] _head = new Head[1];
    private readonly Outbox<Instruction> _outbox = new(world, rank, Tag.FromServer, room: 24);
    private readonly List<Debt> _owed = [];
    private byte[] _answer = [];
    private Request? _receiving;
    private long _bytes;
    private Room _room;

    /// <summary>Where a message is received.</summary>
    private enum Room
    {
        None,
        Head,
        Vector,
        Answer,
    }

    public int Rank { get; } = rank;

    public int Group { get; } = group;

    public string Host { get; } = host;

    /// <summary>Whether this rank owes a ballot.</summary>
    public bool Owes => _owed.Count > 0;

    /// <summary>The last step that it was let to and has not voted in.</summary>
    public long NewestOwed => _owed.Count > 0 ? _owed[^1].Step : -1;

    /// <summary>It has said nothing for too long, and is not waited for.</summary>
    public bool IsAbsent { get; set; }

    /// <summary>It was wrong too often: it is let to no step, and its ballots do not count.</summary>
    public bool IsQuarantined { get; set; }

    /// <summary>Whether it was said once that it is absent.</summary>
    public bool WasNamedAbsent { get; set; }

    /// <summary>Its ballot of this step; null where it has none yet.</summary>
    public Ballot? Ballot { get; set; }

    public bool HasDamagedWeights { get; set; }

    /// <summary>Whether it has said, in this step or with its last word, that it has the weights that rank 0 promised.</summary>
    public bool HasConfirmedWeights { get; set; }

    /// <summary>What is remembered of it when a run goes on elsewhere.</summary>
    public RankMemory Memory
    {
        get => new(Dissents, DissentedIn, LeftQuestionIn);
        set => (Dissents, DissentedIn, LeftQuestionIn) = value;
    }

    /// <summary>What it was asked and has not answered: <see cref="MessageKind.None"/>, SendLeaves, SendLeaf or Recompute.</summary>
    public MessageKind Asked { get; private set; }

    /// <summary>Vectors that it has promised, or was asked for, and not sent.</summary>
    public int VectorsDue { get; set; }

    /// <summary>The step of <see cref="Asked"/> and <see cref="VectorsDue"/>.</summary>
    public long AskedInStep { get; private set; }

    /// <summary>The last step in which it left a question unanswered, or answered it wrongly.</summary>
    public long LeftQuestionIn { get; set; } = long.MinValue;

    /// <summary>Whether what it sent in place of its ballot was none.</summary>
    public bool WasRefused { get; set; }

    /// <summary>Whether the others of its group suffice for a majority of this step, as long as they answer.</summary>
    public bool IsSpare { get; set; }

    /// <summary>The last step in which its ballot was not its group's, or was none.</summary>
    public long DissentedIn { get; set; } = long.MinValue;

    /// <summary>Steps in which its ballot was not its group's.</summary>
    public int Dissents { get; set; }

    /// <summary>Whether it has asked for the weights of the step that it owes, and was answered.</summary>
    public bool HasWeightsFromHere { get; set; }

    /// <summary>Whether it has not been sent the weights yet that it has asked for.</summary>
    public bool AwaitsWeights { get; set; }

    /// <summary>What it told of itself with its last word.</summary>
    public RankTally? Tally { get; set; }

    /// <summary>Whether it has said that it ends.</summary>
    public bool HasLeft { get; set; }

    /// <summary>When, after the last step, it last sent something that was none of this conversation; null where it did not.</summary>
    public long? RefusedAtEnd { get; set; }

    /// <summary>Where the weights of this rank come from, and whether they arrived otherwise than promised.</summary>
    public int Carrier { get; set; }

    /// <summary>The slot of a vector that is being received, or has been.</summary>
    public VectorSlot? Slot { get; private set; }

    public bool IsReceiving => _receiving is not null;

    /// <summary>The head of the message received last; of one without room only what its length says.</summary>
    public Head Head => _room == Room.Vector ? MemoryMarshal.Read<Head>(MemoryMarshal.AsBytes(Slot!.Message.Span)) : _room == Room.Answer ? MemoryMarshal.Read<Head>(_answer) : _head[0];

    /// <summary>The bytes of the message received last.</summary>
    public long Bytes => _bytes;

    /// <summary>Whether the message received last was thrown away, as there is none of such a length in this conversation.</summary>
    public bool WasDropped => _room == Room.None;

    /// <summary>What follows the head in an answer; nothing where the message received last was none.</summary>
    public ReadOnlySpan<byte> Body => _room == Room.Answer ? _answer.AsSpan(Head.Bytes, (int)_bytes - Head.Bytes) : [];

    /// <summary>Whether it may be expected to answer soon: it owes nothing but what it was free to leave.</summary>
    public bool IsHere => !IsAbsent && !IsQuarantined && _owed.TrueForAll(owed => owed.IsSpare);

    /// <summary>The last step in which it dissented, or left a question unanswered.</summary>
    public long ErredIn => Math.Max(LeftQuestionIn, DissentedIn);

    /// <summary>Whether it is asked last, for it has lately left a question unanswered.</summary>
    public bool LeavesQuestions(long step)
    {
        const int remembered = 64;
        return LeftQuestionIn >= 0 && step - LeftQuestionIn < remembered;
    }

    public bool OwesBallotOf(long step) => _owed.Exists(owed => owed.Step == step);

    /// <summary>How long it has owed a ballot that it was not free to leave.</summary>
    public TimeSpan Overdue => _owed.Find(owed => !owed.IsSpare) is { } first ? Stopwatch.GetElapsedTime(first.Since) : TimeSpan.Zero;

    /// <summary>Whether it is let to a step when that begins: one that still owes others hears that they are over.</summary>
    public bool MayProceed(long step) => !IsQuarantined && (!Owes || MayBeOffered(step));

    /// <summary>Whether one more step may be offered to a rank whose answers may have been lost.</summary>
    public bool MayBeOffered(long step)
    {
        const int most = 4, mostWithSpare = 16;
        return !IsQuarantined && NewestOwed != step && _owed.Count < mostWithSpare && _owed.Count(owed => !owed.IsSpare) < most;
    }

    /// <summary>It was let to a step.</summary>
    public void Owe(long step) => _owed.Add(new Debt { Step = step, IsSpare = IsSpare, Since = Stopwatch.GetTimestamp() });

    /// <summary>It is not free to leave the step any more.</summary>
    public void Call()
    {
        IsSpare = false;
        if (Owes) _owed[^1].IsSpare = false;
    }

    /// <summary>What its group's majority was in a step that it still owes, for a ballot that comes too late.</summary>
    public void Remember(long step, Ballot majority)
    {
        if (_owed.Find(owed => owed.Step == step) is { } owed) owed.Majority = majority;
    }

    /// <summary>It has voted in a step, and so will not in an older one; the majority of that step where it is over.</summary>
    public Ballot? Pay(long step)
    {
        Ballot? majority = _owed.Find(owed => owed.Step == step)?.Majority;
        _owed.RemoveAll(owed => owed.Step <= step);
        return majority;
    }

    /// <summary>Whether it has taken every instruction.</summary>
    public bool HasHeard => _outbox.IsTaken;

    /// <summary>Sends an instruction; false where the rank takes none.</summary>
    public bool TrySay(in Instruction instruction) => _outbox.TrySend(instruction);

    /// <summary>Asks a question about a step.</summary>
    public void Ask(MessageKind question, long step, int number = 0)
    {
        if (question == MessageKind.SendVector) VectorsDue++;
        else Asked = question;
        AskedInStep = step;
        TrySay(new Instruction { Head = new Head { Step = step, Kind = question, Number = number } });
    }

    public void Expect(long step)
    {
        VectorsDue++;
        AskedInStep = step;
    }

    /// <summary>The question is answered, rightly or not.</summary>
    public void Answered() => Asked = MessageKind.None;

    /// <summary>Starts to receive a message of so many bytes that has come.</summary>
    /// <param name="slot">Where a vector goes.</param>
    /// <param name="answerBytes">The longest answer to <see cref="Asked"/>, with its head.</param>
    public void Receive(long bytes, VectorSlot? slot, int answerBytes)
    {
        _bytes = bytes;
        Slot = slot;
        if (bytes == Head.Bytes)
        {
            _room = Room.Head;
            _receiving = world.ImmediateReceive<Head>(_head, Rank, Tag.ToServer);
        }
        else if (slot is not null)
        {
            _room = Room.Vector;
            _receiving = world.ImmediateReceive(slot.Message, Rank, Tag.ToServer);
        }
        else if (bytes > Head.Bytes && bytes <= answerBytes)
        {
            _room = Room.Answer;
            if (_answer.Length < answerBytes) _answer = GC.AllocateUninitializedArray<byte>(answerBytes, pinned: true);
            _receiving = world.ImmediateReceive(_answer.AsMemory(0, (int)bytes), Rank, Tag.ToServer);
        }
        else
        {
            _room = Room.None;
            _receiving = world.Drop(Rank, Tag.ToServer);
        }
    }

    /// <summary>Whether the message is here.</summary>
    public bool HasReceived()
    {
        if (_receiving is null || !_receiving.Test()) return false;
        _receiving = null;
        return true;
    }

    /// <summary>Takes the slot of the vector that was received.</summary>
    public VectorSlot TakeSlot()
    {
        VectorSlot slot = Slot!;
        Slot = null;
        return slot;
    }

    /// <summary>A step that the rank was let to and has not voted in.</summary>
    private sealed class Debt
    {
        public required long Step { get; init; }

        public required long Since { get; init; }

        public required bool IsSpare { get; set; }

        public Ballot? Majority { get; set; }
    }
}

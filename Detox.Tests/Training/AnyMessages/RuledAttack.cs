using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Tests.Training.AnyMessages;

/// <summary>One attacker that follows the rules of a case.</summary>
/// <remarks>To be silent costs a run its patience, which is as it should be and would make a campaign of waiting: from step 0, which has much more
/// of it, nothing is missing, and later a rank's ballots and weights may be missing a few times only, or from some step on for ever.</remarks>
internal sealed class RuledAttack(ProtocolRule[] rules) : ProtocolAttack
{
    private const int Remembered = 16;
    private readonly List<byte[]> _sent = [];
    private readonly List<byte[]> _received = [];
    private readonly List<(byte[] Bytes, int Destination, int Tag)> _held = [];
    private int _silences = 3;
    private int _messages;
    private bool _hasStopped;

    public override string Name => "ruled";

    /// <summary>Whether a rule has applied.</summary>
    public bool HasMisbehaved { get; private set; }

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        _messages++;
        (byte[] Bytes, int Destination, int Tag)[] held = [.. _held];
        _held.Clear();
        bool passes = !(_hasStopped && message.Tag == Tag.ToServer);
        List<(byte[] Bytes, int Destination, int Tag)> follow = [.. held];
        for (int i = 0; i < rules.Length; i++)
        {
            ProtocolRule rule = rules[i];
            if (head.Step < rule.From || (rule.On != MessageKind.None && rule.On != head.Kind) || _messages % rule.Every != 0) continue;
            HasMisbehaved = true;
            SeededRandom draw = new(rule.Salt, (ulong)message.Source, (ulong)_messages);
            switch (rule.Deed)
            {
                case Deed.Precede:
                    foreach ((byte[] bytes, int destination, int tag) in Forge(rule, message, head, draw)) SendAside(message, bytes, destination, tag);
                    break;
                case Deed.Follow:
                    follow.AddRange(Forge(rule, message, head, draw));
                    break;
                case Deed.Delay:
                    Thread.Sleep(1 + draw.NextInt(8));
                    break;
                case Deed.Replace:
                    List<(byte[] Bytes, int Destination, int Tag)> forged = Forge(rule, message, head, draw);
                    if (MayBeMissing(message, head, forged)) passes = false;
                    follow.AddRange(forged);
                    break;
                case Deed.Hold:
                    if (!MayBeMissing(message, head, [])) break;
                    if (passes) _held.Add((message.Bytes.ToArray(), message.Destination, message.Tag));
                    passes = false;
                    break;
                case Deed.Swallow:
                    if (MayBeMissing(message, head, [])) passes = false;
                    break;
                case Deed.Stop:
                    _hasStopped |= head.Step > 0;
                    passes &= !(_hasStopped && message.Tag == Tag.ToServer);
                    break;
                case Deed.SpoilBoards:
                    foreach (Boards boards in message.Boards)
                        if (!boards.Own.IsEmpty && message.Source != 0) boards.Own.Span[draw.NextInt(boards.Own.Length)] ^= 1;
                    break;
            }
        }

        Remember(_sent, message.Bytes.ToArray());
        Request request = passes ? message.Pass() : message.Swallow();
        foreach ((byte[] bytes, int destination, int tag) in follow) SendAside(message, bytes, destination, tag);
        return request;
    }

    internal override void Received(int source, int tag, ReadOnlySpan<byte> bytes) => Remember(_received, bytes.ToArray());

    private void SendAside(Outgoing message, byte[] bytes, int destination, int tag)
    {
        if (!(_hasStopped && tag == Tag.ToServer)) message.Also(bytes, destination, tag);
    }

    private static void Remember(List<byte[]> messages, byte[] bytes)
    {
        if (messages.Count == Remembered) messages.RemoveAt(0);
        messages.Add(bytes);
    }

    /// <summary>Whether a message may be missing, where others take its place: rank 0 or a reader of weights may wait for it then.</summary>
    private bool MayBeMissing(Outgoing message, Head head, List<(byte[] Bytes, int Destination, int Tag)> instead)
    {
        bool isAwaited = message.Tag == Tag.Weights || head.Kind is MessageKind.Ballot or MessageKind.WeightsWanted or MessageKind.Bye;
        if (!isAwaited) return head.Step > 0;
        bool isReplaced = instead.Exists(other => other.Destination == message.Destination && other.Tag == message.Tag && IsRefused(other.Bytes, head));
        if (isReplaced && message.Tag == Tag.ToServer) return true;
        return head.Step > 0 && _silences-- > 0;
    }

    /// <summary>Whether rank 0 surely takes this for a ballot, or for nothing that has a place.</summary>
    private bool IsRefused(byte[] bytes, Head honest)
    {
        if (bytes.Length != Head.Bytes) return bytes.Length < Head.Bytes;
        Head head = MemoryMarshal.Read<Head>(bytes);
        return head.Kind switch
        {
            MessageKind.Ballot => head.Step == honest.Step && (head.Flags & HeadFlags.Again) == 0,
            MessageKind.Vector or MessageKind.WeightsWanted => false,
            _ => true,
        };
    }

    private List<(byte[] Bytes, int Destination, int Tag)> Forge(ProtocolRule rule, Outgoing message, Head head, SeededRandom draw)
    {
        List<(byte[] Bytes, int Destination, int Tag)> forged = [];
        for (int i = 0; i < rule.Times; i++)
        {
            byte[] bytes = Original(rule.Origin, message, ref draw);
            Alter(ref bytes, rule.Change, head, ref draw);
            int destination = message.Destination, tag = message.Tag;
            if ((rule.Change & Change.Destination) != 0) destination = draw.NextInt(message.Ranks);
            if ((rule.Change & Change.Tag) != 0) tag = 1 + draw.NextInt(Tag.Forged);

            // Rank 0's worker may misbehave as a worker; its word as the server is trusted.
            if (message.Source == 0 && tag is not (Tag.ToServer or Tag.Group)) tag = Tag.ToServer;
            forged.Add((bytes, destination, tag));
        }

        return forged;
    }

    private byte[] Original(Origin origin, Outgoing message, ref SeededRandom draw)
    {
        byte[] copy = message.Bytes.ToArray();
        switch (origin)
        {
            case Origin.Replay when _sent.Count > 0:
                return [.. _sent[draw.NextInt(_sent.Count)]];
            case Origin.Head:
                return copy[..Head.Bytes];
            case Origin.Vector:
                byte[] vector = new byte[Head.Bytes + (PayloadLength * sizeof(float))];
                Head head = MemoryMarshal.Read<Head>(copy) with { Kind = MessageKind.Vector, Length = vector.Length - Head.Bytes };
                MemoryMarshal.Write(vector, in head);
                Fill(vector.AsSpan(Head.Bytes), ref draw);
                return vector;
            case Origin.HeardBallot or Origin.Echo when _received.Count > 0:
                byte[] heard = _received[draw.NextInt(_received.Count)];
                if (origin == Origin.Echo) return [.. heard];
                if (heard.Length < Head.Bytes) return copy;
                Head own = MemoryMarshal.Read<Head>(copy) with { Ballot = MemoryMarshal.Read<Head>(heard).Ballot };
                MemoryMarshal.Write(copy, in own);
                return copy;
            case Origin.Noise:
                byte[] noise = new byte[draw.NextInt(2) == 0 ? Head.Bytes : draw.NextInt(2 * Head.Bytes + (PayloadLength * sizeof(float)))];
                Fill(noise, ref draw);
                return noise;
            default:
                return copy;
        }
    }

    private void Alter(ref byte[] bytes, Change change, Head honest, ref SeededRandom draw)
    {
        if ((change & Change.Size) != 0)
        {
            int vector = Head.Bytes + (PayloadLength * sizeof(float));
            ReadOnlySpan<int> sizes = [0, 1, Head.Bytes - 1, Head.Bytes, Head.Bytes + 1, Head.Bytes + 16, vector - 4, vector, vector + 4, bytes.Length + 1, draw.NextInt(3 * vector)];
            Array.Resize(ref bytes, sizes[draw.NextInt(sizes.Length)]);
        }

        if ((change & Change.Content) != 0 && bytes.Length > Head.Bytes)
        {
            if (draw.NextInt(2) == 0) Fill(bytes.AsSpan(Head.Bytes), ref draw);
            else bytes[Head.Bytes + draw.NextInt(bytes.Length - Head.Bytes)] ^= (byte)(1 << draw.NextInt(8));
        }

        if (bytes.Length < Head.Bytes) return;
        Head head = MemoryMarshal.Read<Head>(bytes);
        ReadOnlySpan<long> steps = [honest.Step - 2, honest.Step - 1, honest.Step, honest.Step + 1, honest.Step + 2, 0, -1, long.MaxValue, long.MinValue];
        if ((change & Change.Step) != 0) head.Step = steps[draw.NextInt(steps.Length)];
        if ((change & Change.Kind) != 0) head.Kind = (MessageKind)(draw.NextInt((int)MessageKind.Forged + 3) - 1);
        ReadOnlySpan<int> lengths = [0, -1, bytes.Length, bytes.Length - Head.Bytes, int.MaxValue, int.MinValue];
        if ((change & Change.Length) != 0) head.Length = lengths[draw.NextInt(lengths.Length)];
        else if ((change & Change.Size) != 0) head.Length = bytes.Length - Head.Bytes;
        ReadOnlySpan<float> seconds = [float.NaN, float.PositiveInfinity, float.MaxValue, -1, 1e6f];
        if ((change & Change.Seconds) != 0) (head.ComputeSeconds, head.AttackSeconds) = (seconds[draw.NextInt(seconds.Length)], seconds[draw.NextInt(seconds.Length)]);
        if ((change & Change.Number) != 0) head.Number = (int)draw.NextBits();
        if ((change & Change.HeadFlags) != 0) head.Flags ^= (HeadFlags)draw.NextInt(32);
        if ((change & Change.Ballot) != 0)
        {
            Span<byte> ballot = stackalloc byte[Ballot.Bytes];
            Fill(ballot, ref draw);
            head.Ballot = draw.NextInt(4) == 0 ? Ballot.Invalid : Ballot.Of(ballot);
        }

        MemoryMarshal.Write(bytes, in head);
    }

    private static void Fill(Span<byte> bytes, ref SeededRandom draw)
    {
        foreach (ref byte b in bytes) b = (byte)draw.NextBits();
    }
}

/// <summary>The same ranks in every step.</summary>
internal sealed class GivenPlacement(int[] byzantine) : Detox.Mpi.Groups.Placement
{
    public override string Name => "given";

    public override void Byzantine(long step, Span<bool> isByzantine)
    {
        isByzantine.Clear();
        foreach (int rank in byzantine) isByzantine[rank] = true;
    }

    public override Detox.Mpi.Groups.CountLaw Struck(ReadOnlySpan<double> chances) => throw new NotSupportedException("No test asks for the law of ranks that are given.");
}

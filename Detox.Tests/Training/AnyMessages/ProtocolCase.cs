using CsCheck;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;

namespace Detox.Tests.Training.AnyMessages;

/// <summary>What becomes of a message to which a rule applies.</summary>
internal enum Deed
{
    /// <summary>Others leave before it.</summary>
    Precede,

    /// <summary>Others leave behind it.</summary>
    Follow,

    /// <summary>It leaves some milliseconds later.</summary>
    Delay,

    /// <summary>Others leave in its place.</summary>
    Replace,

    /// <summary>It leaves when the rank's next message does, behind that.</summary>
    Hold,

    /// <summary>It is swallowed.</summary>
    Swallow,

    /// <summary>Nothing leaves this rank for rank 0 any more.</summary>
    Stop,

    /// <summary>The weights on the rank's own boards become others.</summary>
    SpoilBoards,
}

/// <summary>What a forged message begins as.</summary>
internal enum Origin
{
    /// <summary>The message at hand.</summary>
    Copy,

    /// <summary>One that this rank sent before.</summary>
    Replay,

    /// <summary>A head alone.</summary>
    Head,

    /// <summary>A message as long as a vector.</summary>
    Vector,

    /// <summary>The message at hand, with a ballot that this rank has heard.</summary>
    HeardBallot,

    /// <summary>One that this rank has received.</summary>
    Echo,

    /// <summary>Bytes of no meaning, of any length.</summary>
    Noise,
}

/// <summary>What of a forged message is drawn anew.</summary>
[Flags]
internal enum Change
{
    None = 0,
    Step = 1,
    Kind = 2,
    Length = 4,
    Ballot = 8,
    Seconds = 16,
    Number = 32,
    HeadFlags = 64,
    Content = 128,
    Size = 256,
    Destination = 512,
    Tag = 1024,
}

/// <summary>What one attacker does to every <paramref name="Every"/>th of its messages of a kind, from a step on.</summary>
/// <param name="Attacker">Which of the case's attackers.</param>
/// <param name="On">None: messages of every kind.</param>
/// <param name="Times">How many messages are forged.</param>
/// <param name="Salt">What is drawn for each message follows from this, the rank and the number of the message.</param>
internal sealed record ProtocolRule(int Attacker, MessageKind On, int From, int Every, Deed Deed, Origin Origin, Change Change, int Times, uint Salt);

/// <summary>A run with attackers in every group, fewer than half of it, of which each does what its rules say.</summary>
/// <param name="NodeSize">Ranks that share a node; others get the weights by messages.</param>
/// <param name="Seed">Chooses the attackers.</param>
internal sealed record ProtocolCase(int Ranks, int GroupSize, int NodeSize, Wait Wait, uint Seed, ProtocolRule[] Rules)
{
    public const int Steps = 25;
    private const int MostRules = 10;
    private static readonly MessageKind[] _sent =
    [
        MessageKind.None, MessageKind.Ballot, MessageKind.Ballot, MessageKind.Vector, MessageKind.Leaves, MessageKind.Leaf, MessageKind.Shown,
        MessageKind.Weights, MessageKind.WeightsWanted, MessageKind.Bye,
    ];

    private static readonly Gen<Change> _change = Gen.OneOf(
        Gen.Const(Change.None),
        Gen.Int[0, 10].Select(bit => (Change)(1 << bit)),
        Gen.Select(Gen.Int[0, 10], Gen.Int[0, 10], (a, b) => (Change)((1 << a) | (1 << b))),
        Gen.Int[0, 2047].Select(bits => (Change)bits));

    private static readonly Gen<ProtocolRule> _rule = Gen.Select(
        Gen.Int[0, 5],
        OneOf(_sent),
        Gen.Int[0, Steps - 1],
        Gen.Int[1, 4],
        Gen.Enum<Deed>(),
        Gen.Enum<Origin>(),
        _change,
        Gen.Frequency((9, Gen.Int[1, 4]), (1, Gen.Int[1, 100])),
        Gen.UInt,
        (attacker, on, from, every, deed, origin, change, times, salt) => new ProtocolRule(attacker, on, from, every, deed, origin, change, times, salt));

    public static Gen<ProtocolCase> Any { get; } = Gen.Select(
        OneOf((9, 3), (15, 5), (15, 3)),
        OneOf(0, 0, 2, 3, 4),
        Gen.Enum<Wait>(),
        Gen.UInt,
        _rule.Array[0, MostRules],
        (shape, nodeSize, wait, seed, rules) => new ProtocolCase(shape.Item1, shape.Item2, nodeSize, wait, seed, rules));

    /// <summary>The attackers, in a drawn order: (r-1)/2 ranks of every group.</summary>
    public int[] Attackers(GroupTable groups)
    {
        Gpu.SeededRandom random = new(Seed);
        List<int> attackers = [];
        for (int group = 0; group < groups.GroupCount; group++)
        {
            int[] members = groups.Members(group).ToArray();
            random.Shuffle<int>(members);
            attackers.AddRange(members[..((GroupSize - 1) / 2)]);
        }

        int[] drawn = [.. attackers];
        random.Shuffle<int>(drawn);
        return drawn;
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(index => values[index]);

    public override string ToString()
        => $"{Ranks} ranks in groups of {GroupSize}, nodes of {NodeSize}, --wait {Wait}, seed {Seed}, {Rules.Length} rules\n"
        + string.Concat(Rules.Select(rule => $"  {rule}\n"));
}

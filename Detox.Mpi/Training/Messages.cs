using System.Runtime.InteropServices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>The tags of a run's messages.</summary>
internal static class Tag
{
    /// <summary>From a rank to rank 0.</summary>
    public const int ToServer = 1;

    /// <summary>From rank 0 to a rank: instructions.</summary>
    public const int FromServer = 2;

    /// <summary>Between the ranks of a group: what each has voted for.</summary>
    public const int Group = 3;

    /// <summary>Weights, from whoever carries them.</summary>
    public const int Weights = 4;

    /// <summary>An experiment's own: what attackers are told, and tell each other.</summary>
    public const int Honest = 5;
    public const int Forged = 6;
}

/// <summary>What a message is.</summary>
internal enum MessageKind
{
    None,

    /// <summary>To rank 0: the root of the payload's tree; <see cref="Head.Flags"/> and the seconds besides.</summary>
    Ballot,

    /// <summary>To rank 0: the payload, or nothing.</summary>
    Vector,

    /// <summary>To rank 0: the digests of the payload's leaves.</summary>
    Leaves,

    /// <summary>To rank 0: the floats of one leaf.</summary>
    Leaf,

    /// <summary>To rank 0: the weights did not come, or not those that were promised.</summary>
    WeightsWanted,

    /// <summary>To rank 0: this rank has ended. A <see cref="RankTally"/> follows.</summary>
    Bye,

    /// <summary>To the group: a hash of the root and the rank, which only a rank that has the same root can check.</summary>
    Shown,

    /// <summary>From rank 0: compute this step with these weights.</summary>
    Proceed,

    /// <summary>From rank 0: compute the part once more and vote again.</summary>
    Recompute,

    /// <summary>From rank 0: send the payload.</summary>
    SendVector,

    /// <summary>From rank 0: send the digests of the leaves.</summary>
    SendLeaves,

    /// <summary>From rank 0: send the floats of leaf <see cref="Head.Number"/>.</summary>
    SendLeaf,

    /// <summary>From rank 0: this rank is asked nothing any more until the run ends.</summary>
    Rest,

    /// <summary>From rank 0: no step follows. Where it comes with weights, as <see cref="Proceed"/> does, the <see cref="Bye"/> says whether they arrived.</summary>
    End,

    /// <summary>From rank 0, after the <see cref="Bye"/>: end with the exit code <see cref="Head.Number"/>.</summary>
    Leave,

    /// <summary>The weights that a step is computed with, in the message or on the sender's board.</summary>
    Weights,

    /// <summary>An experiment's own: a payload for the attackers.</summary>
    Honest,
    Forged,
}

/// <summary>What a rank says beside its ballot.</summary>
[Flags]
internal enum HeadFlags
{
    None = 0,

    /// <summary>The payload follows as the next message.</summary>
    VectorFollows = 1,

    /// <summary>The weights arrived damaged, so this rank abstains; or, in a <see cref="MessageKind.Bye"/>, have not arrived.</summary>
    WeightsDamaged = 2,

    /// <summary>The weights never came (<see cref="MessageKind.WeightsWanted"/>); else they came and were others.</summary>
    NothingCame = 4,

    /// <summary>The ballot is of a part that was computed once more.</summary>
    Again = 8,

    /// <summary>This rank was told by a signal that the run is to stop.</summary>
    StopWanted = 32,

    /// <summary>Others of the group suffice as long as they answer: a rank that shares its core leaves it to them for <see cref="Instruction.HoldSeconds"/>.</summary>
    Spare = 16,
}

/// <summary>The first 64 bytes of every message.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal struct Head
{
    public const int Bytes = 64;
    public const int Floats = Bytes / sizeof(float);

    /// <summary>The step that the message belongs to.</summary>
    public long Step;

    public MessageKind Kind;

    /// <summary>Bytes behind these 64.</summary>
    public int Length;

    /// <summary>Of <see cref="MessageKind.Ballot"/> and <see cref="MessageKind.Shown"/>.</summary>
    public Ballot Ballot;

    /// <summary>From the weights' arrival until the gradient, and the ballot if nothing comes between them, was there.</summary>
    public float ComputeSeconds;

    /// <summary>What this rank's attack took that is not the method's.</summary>
    public float AttackSeconds;

    /// <summary>A leaf, or an exit code.</summary>
    public int Number;

    public HeadFlags Flags;
}

/// <summary>What rank 0 says to a rank.</summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
internal unsafe struct Instruction
{
    public const int Bytes = 192;

    /// <summary>A binomial tree of 2^16 nodes has no more at its root.</summary>
    public const int MostChildren = 16;

    /// <summary>Where weights come with it the ballot is the weights' BLAKE3.</summary>
    public Head Head;

    /// <summary>The weights' xxh128: enough for whoever reads them where rank 0 itself wrote them.</summary>
    /// <remarks>Kept as two words: what passes on a UInt128 by value, or an object that holds one, is not compiled ahead.</remarks>
    public UInt128 Xxh128
    {
        readonly get => new(_xxh128High, _xxh128Low);
        set => (_xxh128High, _xxh128Low) = ((ulong)(value >> 64), (ulong)value);
    }

    private ulong _xxh128High;
    private ulong _xxh128Low;

    /// <summary>The rank from which the weights come.</summary>
    public int Carrier;

    /// <summary>Seconds after which a rank that got no weights asks rank 0 for them.</summary>
    public float PatienceSeconds;

    /// <summary>How long a spare rank holds back.</summary>
    public float HoldSeconds;

    /// <summary>How many ranks this one passes the weights to.</summary>
    public int ChildCount;

    private fixed int _children[MostChildren];

    /// <summary>The ranks, on other nodes, to which this one passes the weights.</summary>
    public readonly int Child(int index) => _children[index];

    public void AddChild(int rank) => _children[ChildCount++] = rank;
}

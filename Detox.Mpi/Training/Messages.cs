using System.Runtime.InteropServices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>The tags of the step's messages between rank 0 and one rank.</summary>
internal static class Tag
{
    public const int Vector = 1;
    public const int Instruction = 2;
    public const int Answer = 3;
    public const int Honest = 4;
    public const int Forged = 5;
    public const int Failure = 6;
}

/// <summary>What a rank tells rank 0 when the step's ballots are gathered.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Declaration
{
    /// <summary>The ballot that rank 0 votes with.</summary>
    public Ballot Ballot;

    /// <summary>From the weights' arrival to the gradient's end.</summary>
    public float ComputeSeconds;

    /// <summary>1: this rank takes itself for its group's winner, and its vector is on its way.</summary>
    public byte Sends;

    /// <summary>1: the weights arrived damaged, so this rank abstains.</summary>
    public byte WeightsDamaged;
}

/// <summary>What rank 0 asks of a rank between the ballots and the weights.</summary>
internal enum Demand : byte
{
    /// <summary>Nothing more in this step: wait for the weights.</summary>
    Proceed,

    /// <summary>The same, and no step follows.</summary>
    ProceedAndEnd,

    /// <summary>Send the vector that the ballot belongs to.</summary>
    SendVector,

    /// <summary>Compute the part once more and answer with the new ballot.</summary>
    Recompute,

    /// <summary>Answer with the digests of the leaves.</summary>
    SendLeaves,

    /// <summary>Answer with the floats of one leaf.</summary>
    SendLeaf,
}

[StructLayout(LayoutKind.Sequential)]
internal struct Instruction
{
    public Demand Demand;

    /// <summary>For <see cref="Demand.SendLeaf"/>.</summary>
    public int Leaf;
}

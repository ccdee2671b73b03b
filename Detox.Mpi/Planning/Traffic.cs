using System.Numerics;
using Detox.Mpi.Training;

namespace Detox.Mpi.Planning;

/// <summary>Bytes that one step moves into and out of rank 0, heads of messages included, where nobody is asked a second time.</summary>
/// <param name="Vectors">Of the bytes in, the winners' payloads without their heads: what steps.jsonl calls vector_bytes.</param>
/// <remarks>
/// In: a ballot of every other rank; a vector of each group, of rank 0's own with the probability that another rank than it completes the majority,
/// 1 - 1/r; and what the r - 1 others of its group show it. Out: an instruction to every other rank, what it shows its group, and the
/// weights, to as many other nodes as the root of a binomial tree has children: ranks of its own node read them from memory that they share.
/// What comes on top: a second vector where two ranks take themselves for the winner, and, in the first eight steps in which a rank dissents and ever more rarely
/// then, its leaf digests and one leaf.
/// </remarks>
internal readonly record struct Traffic(double Vectors, double In, double Out)
{
    /// <param name="nodes">Nodes that the ranks are on.</param>
    public static Traffic Of(Scheme scheme, Workload workload, int nodes)
    {
        int others = scheme.Ranks - 1, shown = (scheme.GroupSize - 1) * Head.Bytes, children = BitOperations.Log2((uint)nodes - 1) + 1;
        double winners = scheme.Groups - (1.0 / scheme.GroupSize);
        double weights = nodes == 1 ? 0 : children * (double)(Head.Bytes + workload.StateBytes);
        return new Traffic(
            winners * workload.PayloadBytes,
            (others * (double)Head.Bytes) + (winners * (Head.Bytes + workload.PayloadBytes)) + shown,
            (others * (double)Instruction.Bytes) + shown + weights);
    }
}

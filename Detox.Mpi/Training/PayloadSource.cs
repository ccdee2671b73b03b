using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;

namespace Detox.Mpi.Training;

/// <summary>Where a rank's payload comes from.</summary>
internal interface IPayloadSource
{
    /// <summary>The payload of a group's part of a step.</summary>
    /// <param name="attempt">0, or 1 when a void group computes once more.</param>
    /// <param name="attack">Spoils the samples; null for an honest rank.</param>
    /// <param name="own">This rank's room for it.</param>
    /// <returns>Where it is until the next call: there, or where all replicas of the part read it and none may change it.</returns>
    VectorSlot Compute(long step, int group, int attempt, SampleAttack? attack, View weights, VectorSlot own);

    /// <summary>The ballot of the payload that was computed last, and its leaves in the tree.</summary>
    Ballot Hash(VectorSlot payload, BallotTree tree);
}

/// <summary>Payloads that this rank computes itself.</summary>
internal sealed class OwnPayloads(IGradientSource gradients) : IPayloadSource
{
    public VectorSlot Compute(long step, int group, int attempt, SampleAttack? attack, View weights, VectorSlot own)
    {
        gradients.Compute(step, group, attempt, attack, weights, own.Payload);
        return own;
    }

    public Ballot Hash(VectorSlot payload, BallotTree tree) => tree.Compute(payload.Payload);
}

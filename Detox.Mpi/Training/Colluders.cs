using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>How attackers come to know the honest gradients: the experiment tells them, at its own cost.</summary>
/// <remarks>The lowest honest rank of each group sends its payload to the lowest attacker, which makes the forged one and
/// sends it to the others. All ranks know the placement, since it is seeded. A group without an honest rank adds
/// nothing. No part of Detox does this; its time is measured apart.</remarks>
internal sealed class Colluders(Communicator world, GroupTable groups, Attack attack)
{
    private float[] _honest = [];

    /// <summary>Collective: afterwards every attacker's payload is the forged one.</summary>
    public void Conspire(ReadOnlySpan<bool> isByzantine, Memory<float> payload)
    {
        int head = isByzantine.IndexOf(true);
        if (head < 0) return;

        int sources = 0;
        for (int group = 0; group < groups.GroupCount; group++)
        {
            int source = LowestHonest(group, isByzantine);
            if (source < 0) continue;
            if (world.Rank == head)
            {
                if (_honest.Length == 0) _honest = GC.AllocateUninitializedArray<float>(groups.GroupCount * payload.Length);
                world.Receive(_honest.AsSpan(sources * payload.Length, payload.Length), source, Tag.Honest);
            }
            else if (world.Rank == source)
            {
                world.Send<float>(payload.Span, head, Tag.Honest);
            }

            sources++;
        }

        if (world.Rank == head)
        {
            if (sources > 0) attack.Collude(_honest.AsSpan(0, sources * payload.Length), sources, payload.Span);
            for (int rank = head + 1; rank < world.Size; rank++)
                if (isByzantine[rank]) world.Send<float>(payload.Span, rank, Tag.Forged);
        }
        else if (isByzantine[world.Rank])
        {
            world.Receive(payload.Span, head, Tag.Forged);
        }
    }

    private int LowestHonest(int group, ReadOnlySpan<bool> isByzantine)
    {
        foreach (int rank in groups.Members(group))
            if (!isByzantine[rank]) return rank;
        return -1;
    }
}

using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>Messages that a rank will never take: nobody has a reason to send them, and they must not pile up.</summary>
/// <param name="group">The ranks of this rank's group.</param>
/// <param name="hasColluders">Whether attackers tell each other payloads.</param>
internal sealed class StrayMessages(Communicator world, int[] group, bool hasColluders)
{
    /// <summary>A rank that sends without end does not keep this one from its work.</summary>
    private const int MostAtATime = 1024;

    private static readonly int[] _tags = [Tag.ToServer, Tag.FromServer, Tag.Group, Tag.Weights, Tag.Honest, Tag.Forged];

    private readonly bool[] _carries =
        [.. Enumerable.Range(0, world.Size).Select(rank => rank == 0 || (RunStart.LeaderOf(world, rank) == rank && world.Nodes[rank] != world.Nodes[0]))];

    /// <summary>Throws away those that have come; behind one that will be taken they may wait until it is.</summary>
    public void Drop()
    {
        foreach (int tag in _tags)
        {
            for (int i = 0; i < MostAtATime && world.Probe(Communicator.AnyRank, tag, out int sender, out _) && !MayCome(sender, tag); i++)
                if (!world.Drop(sender, tag).Test()) return;
        }
    }

    /// <summary>At the end: throws away whatever nobody has taken, for it may hold up its sender's end.</summary>
    public void DropAll()
    {
        foreach (int tag in (ReadOnlySpan<int>)[Tag.Weights, Tag.Group, Tag.Honest, Tag.Forged])
        {
            while (world.Probe(Communicator.AnyRank, tag, out int sender, out _))
                if (!world.Drop(sender, tag).Test()) break;
        }
    }

    private bool MayCome(int sender, int tag) => sender < 0 || tag switch
    {
        Tag.ToServer => world.Rank == 0,
        Tag.FromServer => sender == 0,
        Tag.Group => Array.IndexOf(group, sender) >= 0,
        Tag.Weights => _carries[sender],
        _ => hasColluders,
    };
}

using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Data;

/// <summary>Opens the data on every rank, and reads a folder's files once a node.</summary>
/// <remarks>The lowest rank of a node reads them into memory that is sealed before anyone else opens it: not even its writer can change it then. The
/// others map it. Rank 0 compares all ranks' digests of it before the first step.</remarks>
internal static class NodeData
{
    /// <summary>Collective; an error of any rank is all ranks' (<see cref="AgreedException"/>).</summary>
    public static DataSplit Open(Communicator world, string data, ulong seed)
    {
        // What is drawn on demand has nothing to share.
        if (DataSource.Known.Named(data) is { } drawn) return drawn(seed);
        int leader = RunStart.LeaderOf(world, world.Rank);
        bool leads = world.Rank == leader;
        DataSplit? own = Agreement.Reach(world, () => leads ? DataSource.Open(data, seed) : null);
        SealedMemory? block = own is null || PackedImages.Pack(own) is not { } parts ? null : SealedMemory.TryFreeze(parts);
        Place[] places = new Place[world.Size];
        world.Allgather([block is null ? new Place(0, -1, 0) : new Place(Environment.ProcessId, block.File, block.Length)], places.AsSpan());
        Place at = places[leader];
        if (!leads && at.File >= 0) block = SealedMemory.TryOpenFrozen(at.Process, at.File, at.Length);

        // A rank that cannot map it reads the files itself. The file in memory is found by its maker's number for it, which stays until all have it.
        DataSplit opened = Agreement.Reach(world, () => block is not null ? PackedImages.Unpack(block.Memory) : own ?? DataSource.Open(data, seed));
        block?.CloseFile();
        return opened;
    }

    private readonly record struct Place(int Process, int File, long Length);
}

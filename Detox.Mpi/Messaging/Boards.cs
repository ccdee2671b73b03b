namespace Detox.Mpi.Messaging;

/// <summary>Memory that one rank writes and the ranks of its node read. No reader can write it, or make it shorter under others' eyes.</summary>
/// <remarks>What a reader finds may change while it reads: it compares a digest with what it was told, of a copy where it does not trust the writer.
/// A board begins at a cache line, and never moves.</remarks>
public abstract class Boards : IDisposable
{
    /// <summary>This rank's own board; empty where it has none.</summary>
    public abstract Memory<byte> Own { get; }

    /// <summary>The board of a rank; empty where it has none, where it is on another node, or where this system has no such memory.</summary>
    public abstract ReadOnlySpan<byte> Of(int rank);

    public abstract void Dispose();
}

/// <summary>Boards of the threads of one process.</summary>
internal sealed class InProcessBoards(Memory<byte>[] boards, int rank, IReadOnlyList<int> nodes) : Boards
{
    public override Memory<byte> Own => boards[rank];

    public override ReadOnlySpan<byte> Of(int other) => nodes[other] == nodes[rank] ? boards[other].Span : [];

    public override void Dispose()
    {
    }
}

/// <summary>Boards of the ranks of nodes: each is a file in memory, sealed by its writer before anyone else opens it.</summary>
internal sealed class MpiBoards : Boards
{
    private readonly SealedMemory? _own;
    private readonly SealedMemory?[] _boards;

    private MpiBoards(SealedMemory? own, SealedMemory?[] boards) => (_own, _boards) = (own, boards);

    public override Memory<byte> Own => _own is null ? default : _own.Writable;

    public override ReadOnlySpan<byte> Of(int rank) => _boards[rank] is { } board ? board.Bytes : [];

    /// <summary>Collective.</summary>
    public static MpiBoards Open(Communicator world, long bytes, bool writes)
    {
        SealedMemory? own = writes ? SealedMemory.TryCreate(bytes) : null;
        (int Process, int File)[] places = new (int, int)[world.Size];
        world.Allgather([own is null ? (0, -1) : (Environment.ProcessId, own.File)], places.AsSpan());
        SealedMemory?[] boards = new SealedMemory?[world.Size];
        for (int rank = 0; rank < world.Size; rank++)
        {
            if (rank == world.Rank) boards[rank] = own;
            else if (places[rank].File >= 0 && world.Nodes[rank] == world.Nodes[world.Rank])
                boards[rank] = SealedMemory.TryOpen(places[rank].Process, places[rank].File, bytes);
        }

        // The file is found by its writer's number for it, so no writer may close it before all have opened it.
        world.Barrier();
        return new MpiBoards(own, boards);
    }

    /// <summary>The own board stays until the process ends: MPI may still be sending from it to a rank that takes nothing.</summary>
    public override void Dispose()
    {
        foreach (SealedMemory? board in _boards)
            if (board != _own) board?.Dispose();
    }
}

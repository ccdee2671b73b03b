using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>What all communicators of this process share: the library, the node's window and watch, this rank's doorbell.</summary>
internal sealed unsafe class MpiProcess
{
    /// <summary>The bell rings for every message on this node, when it is sent, asked for and fetched, so this only bounds
    /// what a missed ring could cost.</summary>
    private const int LocalMicroseconds = 100_000;

    /// <summary>Messages between nodes ring no bell.</summary>
    private const int RemoteMicroseconds = 10_000;

    /// <summary>What a neighbour's full queue, or a message in pieces, may cost while this rank sleeps: MPICH's UCX keeps what does not fit into the receiver's queue
    /// until its sender calls it again, which nothing rings for.</summary>
    private const int UnfinishedMicroseconds = 2_000;

    private readonly MpiDoorbell _alone;
    private readonly List<MpiRequest> _watched = [];
    private NodeWindow? _window;
    private int _longestMicroseconds;
    private int _underWay;

    public MpiProcess(MpiLibrary library)
    {
        Library = library;
        TagRanges = (library.LargestTag / MpiScope.TagsInRange) + 1;
        _alone = new MpiDoorbell((int*)NativeMemory.AllocZeroed(64)) { MoveOn = MoveOn };
    }

    public MpiLibrary Library { get; }

    /// <summary>The largest message that is given to the library; longer ones go in pieces, as its counts are ints.</summary>
    public int PieceBytes { get; set; } = 1 << 30;

    /// <summary>How many communicators can have tags of their own in MPI_COMM_WORLD, itself included.</summary>
    public int TagRanges { get; set; }

    /// <summary>The first range that this process has not used.</summary>
    public int NextTagRange { get; set; } = 1;

    public NodeWindow? Window => _window;

    /// <summary>Null where the launcher itself says who has died.</summary>
    public NodeWatch? NodeWatch { get; init; }

    /// <summary>Of this node, and this rank's share of them.</summary>
    public (int Node, int Own) Cores { get; private set; } = (Environment.ProcessorCount, Environment.ProcessorCount);

    public MpiDoorbell Bell => _window?.OwnBell ?? _alone;

    /// <summary>For a node that has no window.</summary>
    public void ShareCores(int ranks) => Cores = (Environment.ProcessorCount, Math.Max(1, Environment.ProcessorCount / ranks));

    public void Share(NodeWindow window, bool severalNodes)
    {
        _window = window;
        Cores = window.CountCores();
        if (window.Size > Cores.Node) window.OwnBell.Yields = 0;
        window.OwnBell.MoveOn = MoveOn;
        window.OwnBell.IsOftenSilent = severalNodes;
        window.OwnBell.LongestMicroseconds = _longestMicroseconds = severalNodes ? RemoteMicroseconds : LocalMicroseconds;
    }

    /// <summary>Counts the sends to other nodes that have been started and not completed: they may need this rank to move them on.</summary>
    public void Count(int change) => _underWay += change;

    /// <summary>A request that must be looked at by whatever this rank waits for meanwhile.</summary>
    public void Watch(MpiRequest request) => _watched.Add(request);

    /// <summary>Before this rank sleeps: moves on what it has started. Returns whether it should look again at once.</summary>
    private bool MoveOn()
    {
        if (_underWay > 0) Library.Progress();
        bool any = false;
        for (int i = _watched.Count - 1; i >= 0; i--)
        {
            if (!_watched[i].Test()) continue;
            _watched.RemoveAt(i);
            any = true;
        }

        if (_window is not null) _window.OwnBell.LongestMicroseconds = _watched.Count > 0 ? UnfinishedMicroseconds : _longestMicroseconds;
        return any;
    }

    /// <param name="neighbour">The rank's number on this node; negative where it is on another.</param>
    public void Ring(int neighbour)
    {
        if (neighbour >= 0) _window?.Ring(neighbour);
    }
}

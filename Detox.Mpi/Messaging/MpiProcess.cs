using System.Runtime.InteropServices;

namespace Detox.Mpi.Messaging;

/// <summary>What all communicators of this process share: the library, the node's window, this rank's doorbell.</summary>
internal sealed unsafe class MpiProcess
{
    /// <summary>The bell rings for every message on this node, so this only bounds what a missed one could cost.</summary>
    private const int LocalMicroseconds = 4000;

    /// <summary>Messages between nodes ring no bell, and a message that is being sent may need this rank to move it on.</summary>
    private const int RemoteMicroseconds = 100;

    private readonly MpiDoorbell _alone;
    private NodeWindow? _window;
    private int _underWay;
    private bool _severalNodes = true;

    public MpiProcess(MpiLibrary library)
    {
        Library = library;
        _alone = new MpiDoorbell((int*)NativeMemory.AllocZeroed(64));
    }

    public MpiLibrary Library { get; }

    /// <summary>The largest message that is given to the library; longer ones go in pieces, as its counts are ints.</summary>
    public int PieceBytes { get; set; } = 1 << 30;

    public NodeWindow? Window => _window;

    public MpiDoorbell Bell => _window?.OwnBell ?? _alone;

    public void Share(NodeWindow window, bool severalNodes)
    {
        _window = window;
        _severalNodes = severalNodes;
        Count(0);
    }

    /// <summary>Counts the sends that have been started and not completed.</summary>
    public void Count(int change)
    {
        _underWay += change;
        Bell.LongestMicroseconds = _severalNodes || _underWay > 0 ? RemoteMicroseconds : LocalMicroseconds;
    }

    /// <summary>Waits for something that MPI knows nothing of, and lets MPI move on what is under way.</summary>
    public void Rest(int rings, ref Patience patience)
    {
        if (_underWay > 0) Library.Progress();
        Bell.Wait(rings, ref patience);
    }

    /// <param name="neighbour">The rank's number on this node; negative where it is on another.</param>
    public void Ring(int neighbour)
    {
        if (neighbour >= 0) _window?.Ring(neighbour);
    }
}

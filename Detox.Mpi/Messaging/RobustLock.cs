namespace Detox.Mpi.Messaging;

/// <summary>A lock in memory that processes share (a robust futex): whoever waits for it learns whether its holder has let it go, or has ended with it.</summary>
/// <remarks>The kernel marks the locks of a thread that ends, whatever ends it, and wakes a waiter, before it takes the process's memory apart and closes its files.</remarks>
internal unsafe struct RobustLock
{
    /// <summary>FUTEX_WAITERS; the bits below are the number of the thread that holds the lock.</summary>
    private const int HasWaiters = unchecked((int)0x80000000);

    /// <summary>FUTEX_OWNER_DIED, which the kernel writes.</summary>
    private const int HolderDied = 0x40000000;

    /// <summary>No thread has this number.</summary>
    private const int Left = 0x3FFFFFFF;

    private int _word;
    private LibC.RobustList _list;
    private nint _ring;

    /// <summary>Takes a lock that is new for this thread, which holds no other one. Until <see cref="LetGo"/> the memory stays where it is.</summary>
    public static void Hold(RobustLock* own)
    {
        own->_ring = (nint)(&own->_list);
        own->_list = new LibC.RobustList((nint)(&own->_ring), (nint)(&own->_word) - (nint)(&own->_ring), 0);
        LibC.SetRobustList(&own->_list);

        // It may have been left already, by another thread of this process.
        Interlocked.CompareExchange(ref own->_word, LibC.ThreadNumber() | HasWaiters, 0);
        LibC.Wake(&own->_word, int.MaxValue);
    }

    /// <summary>From any thread of the holder's process: those that wait learn that it leaves, and the lock is free for ever.</summary>
    public static void Leave(RobustLock* own)
    {
        int* word = &own->_word;
        Volatile.Write(ref *word, Left);
        LibC.Wake(word, int.MaxValue);
    }

    /// <summary>The kernel no longer looks for what this thread holds.</summary>
    public static void LetGo() => LibC.SetRobustList(null);

    /// <summary>Sleeps until the holder, or who holds it one day, has left (false) or died with it (true).</summary>
    public static bool AwaitEnd(RobustLock* other)
    {
        while (true)
        {
            int found = Volatile.Read(ref other->_word);
            if (found == Left) return false;
            if ((found & HolderDied) != 0) return true;
            LibC.WaitOn(&other->_word, found);
        }
    }
}

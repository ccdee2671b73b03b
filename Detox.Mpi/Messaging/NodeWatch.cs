using System.Text;

namespace Detox.Mpi.Messaging;

/// <summary>Says that the next rank of the node has died, under a launcher that ends all others then and does not say itself which one it was.</summary>
/// <remarks>A thread of each rank holds a lock, and waits for the next rank's. The kernel marks the locks of a thread that ends, whatever ends it, and wakes
/// who waits for them. Only then it takes the process's memory apart and closes its files: so the launcher learns of a death milliseconds later, and then
/// kills the node's ranks in their order. A lock is a word in sealed memory: what a rank writes there speaks of itself alone.</remarks>
internal sealed unsafe class NodeWatch : IDisposable
{
    private const int StandardError = 2;
    private const int StackBytes = 256 * 1024;

    /// <summary>FUTEX_WAITERS; the bits below are the number of the thread that holds the lock.</summary>
    private const int HasWaiters = unchecked((int)0x80000000);

    /// <summary>FUTEX_OWNER_DIED, which the kernel writes.</summary>
    private const int HolderDied = 0x40000000;

    /// <summary>No thread has this number.</summary>
    private const int Left = 0x3FFFFFFF;

    private readonly int _errors;
    private readonly int _launcher;
    private readonly SealedMemory? _own;
    private SealedMemory? _next;
    private bool _nextIsKilledFirst;
    private byte[] _line = [];
    private bool _hasStarted;
    private bool _hasLeft;

    /// <param name="errors">The file to which a line goes.</param>
    /// <param name="launcher">The process that would kill this one; null: its parent.</param>
    public NodeWatch(int errors = StandardError, int? launcher = null)
    {
        _errors = errors;
        _launcher = launcher ?? LibC.Parent();
        _own = SealedMemory.TryCreate(sizeof(Lock));
    }

    /// <summary>This process's number of the file that its lock is in; negative where this system has none.</summary>
    public int File => _own?.File ?? -1;

    /// <summary>Takes this rank's lock, and waits for the next rank's.</summary>
    /// <param name="process">The next rank's process.</param>
    /// <param name="file">Its <see cref="File"/>; where that cannot be opened nobody is watched.</param>
    public void Start(int rank, int next, int process, int file)
    {
        if (_own is null) return;
        _next = SealedMemory.TryOpen(process, file, sizeof(Lock));
        _nextIsKilledFirst = next < rank;
        _line = Encoding.UTF8.GetBytes($"detox: rank {next} on {Environment.MachineName} (process {process}) has died: it was killed, it crashed, or memory ran out.\n");
        _hasStarted = true;
        new Thread(Run, StackBytes) { Name = "watch of the node", IsBackground = true }.Start();
    }

    /// <summary>Leaves in order: from now on nothing is said of this rank, nor by it.</summary>
    public void Dispose()
    {
        if (_own is null || _hasLeft) return;
        _hasLeft = true;
        if (!_hasStarted)
        {
            _own.Dispose();
            return;
        }

        // The memory is the thread's, which may already have gone with it when it is woken.
        int* word = Word(_own);
        Volatile.Write(ref *word, Left);
        LibC.Wake(word, int.MaxValue);
    }

    private static int* Word(SealedMemory memory) => &((Lock*)memory.Address)->Word;

    private void Run()
    {
        Lock* own = (Lock*)_own!.Address;
        own->Ring = (nint)(&own->List);
        own->List = new LibC.RobustList((nint)(&own->Ring), Offset: (nint)(&own->Word) - (nint)(&own->Ring), Pending: 0);
        LibC.SetRobustList(&own->List);
        Interlocked.CompareExchange(ref own->Word, LibC.ThreadNumber() | HasWaiters, 0);
        LibC.Wake(&own->Word, int.MaxValue);

        fixed (byte* line = _line)
        {
            // What a death calls for is compiled and bound before it.
            LibC.Write(_errors, line, 0);
            IsAwake(_launcher);
            bool hasDied = _next is not null && HolderDies(Word(_next));

            // A launcher at work is killing all ranks. One that it kills after this one has died by itself.
            if (hasDied && Volatile.Read(ref own->Word) != Left && !(_nextIsKilledFirst && IsAwake(_launcher))) LibC.Write(_errors, line, _line.Length);
        }

        // Whoever waits for this rank's lock must not find its thread gone before.
        HolderDies(&own->Word);
        LibC.SetRobustList(null);
        _own.Dispose();
        _next?.Dispose();
    }

    /// <summary>Sleeps until a lock's holder has died (true) or left (false); until somebody holds it, too.</summary>
    private static bool HolderDies(int* word)
    {
        while (true)
        {
            int found = Volatile.Read(ref *word);
            if (found == Left) return false;
            if ((found & HolderDied) != 0) return true;
            LibC.WaitOn(word, found);
        }
    }

    /// <summary>Whether a process runs, or would if it had a core.</summary>
    internal static bool IsAwake(int process)
    {
        try
        {
            // The number, the name in brackets, the state.
            string line = System.IO.File.ReadAllText($"/proc/{process}/stat");
            return line.AsSpan(line.LastIndexOf(')') + 1).TrimStart().StartsWith('R');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>A word, and what tells the kernel that this process's thread holds it.</summary>
    private struct Lock
    {
        public int Word;
        public LibC.RobustList List;
        public nint Ring;
    }
}

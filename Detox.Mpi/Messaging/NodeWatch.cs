using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Detox.Mpi.Messaging;

/// <summary>Says which rank of a node has died, under a launcher that ends all others then and does not say itself which one it was.</summary>
/// <remarks>Each thread here holds a lock of its rank, and waits for one of a next rank. The launcher learns of a death when the kernel closes the dead one's files,
/// milliseconds after it has marked its locks, and then kills the node's ranks in their order. Where ranks outnumber cores a waiter may wake too
/// late: there are a few, and the first one speaks. The locks are in sealed memory: what a rank writes there speaks of itself alone.</remarks>
internal sealed unsafe class NodeWatch : IDisposable
{
    private const int StandardError = 2;
    private const int StackBytes = 256 * 1024;

    /// <summary>Of each rank, and as many ranks each one watches.</summary>
    internal const int MostWatchers = 3;

    /// <summary>A launcher has killed all ranks by then.</summary>
    private static readonly TimeSpan _longestKilling = TimeSpan.FromSeconds(1);

    private readonly int _errors;
    private readonly int _launcher;
    private readonly SealedMemory? _own;
    private readonly Lock _speaking = new();
    private int _watched;
    private int _threads;
    private PosixSignalRegistration[] _signals = [];
    private bool _hasLeft;

    /// <param name="errors">The file to which a line goes.</param>
    /// <param name="launcher">The process that would kill this one; null: its parent.</param>
    public NodeWatch(int errors = StandardError, int? launcher = null)
    {
        _errors = errors;
        _launcher = launcher ?? LibC.Parent();
        _own = SealedMemory.TryCreate(Bytes);
    }

    /// <summary>The length of the file with a rank's locks.</summary>
    internal static int Bytes => MostWatchers * sizeof(RobustLock);

    /// <summary>This process's number of the file that its locks are in; negative where this system has none.</summary>
    public int File => _own?.File ?? -1;

    /// <summary>Takes this rank's locks, and waits for those of the next ranks.</summary>
    /// <param name="node">The ranks of this node in the order in which a launcher kills them, each with its process and <see cref="File"/>.</param>
    /// <param name="own">This rank's place among them.</param>
    /// <param name="maySpeak">Asked when one has died: whether nobody on the node has said yet why the job ends.</param>
    public void Start((int Rank, int Process, int File)[] node, int own, Func<bool> maySpeak)
    {
        if (_own is null || node.Length == 1) return;

        // Whoever ends a job in these ways ends all ranks, each of which takes its time.
        _signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => Dispose()))];
        _watched = _threads = Math.Min(MostWatchers, node.Length - 1);
        for (int i = 0; i < _watched; i++)
        {
            int number = i, next = (own + 1 + i) % node.Length;
            (int rank, int process, int file) = node[next];
            byte[] line = Encoding.UTF8.GetBytes($"detox: rank {rank} on {Environment.MachineName} (process {process}) has died: it was killed, it crashed, or memory ran out.\n");
            SealedMemory? other = SealedMemory.TryOpen(process, file, Bytes);
            new Thread(() => Watch(number, other, isKilledFirst: next < own, maySpeak, line), StackBytes) { Name = "watch of the node", IsBackground = true }.Start();
        }
    }

    /// <summary>Leaves in order: from now on nothing is said of this rank, nor by it.</summary>
    public void Dispose()
    {
        lock (_speaking)
        {
            if (_own is null || _hasLeft) return;
            _hasLeft = true;
            foreach (PosixSignalRegistration signal in _signals) signal.Dispose();
            if (_watched == 0) _own.Dispose();
            for (int i = 0; i < _watched; i++) RobustLock.Leave(&LocksIn(_own)[i]);
        }
    }

    private static RobustLock* LocksIn(SealedMemory memory) => (RobustLock*)memory.Address;

    private void Watch(int number, SealedMemory? other, bool isKilledFirst, Func<bool> maySpeak, byte[] line)
    {
        RobustLock* own = &LocksIn(_own!)[number];
        RobustLock.Hold(own);
        fixed (byte* text = line)
        {
            // What a death calls for is compiled and bound before it.
            LibC.Write(_errors, text, 0);
            IsAwake(_launcher);

            bool hasDied = other is not null && RobustLock.AwaitEnd(&LocksIn(other)[number]);

            // A launcher that kills all ranks does not sleep before this one is dead too. One that it kills after this one has died by itself.
            long start = Stopwatch.GetTimestamp();
            while (hasDied && isKilledFirst && IsAwake(_launcher) && Stopwatch.GetElapsedTime(start) < _longestKilling) LibC.Yield();
            lock (_speaking)
                if (hasDied && !_hasLeft && maySpeak()) LibC.Write(_errors, text, line.Length);
        }

        RobustLock.AwaitEnd(own);
        RobustLock.LetGo();
        other?.Dispose();
        if (Interlocked.Decrement(ref _threads) == 0) _own!.Dispose();
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
            return false;
        }
    }
}

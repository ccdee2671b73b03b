using System.Runtime.CompilerServices;

namespace Detox.Gpu.Devices.Cpu;

/// <summary>Work that falls into independent pieces. Which thread takes which piece must not change any bit.</summary>
internal interface IPieces
{
    void Run(int piece);
}

/// <summary>A fixed team of threads that shares the pieces of one piece of work after another, without allocating.</summary>
/// <remarks>The caller is one of the team, so a team of one has no threads of its own and costs nothing.
/// Waiting threads sleep: on a node with more ranks than cores a spinning thread would take another rank's core.</remarks>
internal sealed unsafe class ThreadTeam : IDisposable
{
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim _start = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private delegate*<void*, int, void> _body;
    private void* _work;
    private int _pieces;
    private int _next;
    private Exception? _failure;
    private volatile bool _stopping;

    public ThreadTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        Size = threads;
        _threads = new Thread[threads - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            _threads[i] = new Thread(Work, 256 * 1024) { IsBackground = true, Name = $"detox team {i + 1}" };
            _threads[i].Start();
        }
    }

    public int Size { get; }

    /// <summary>Runs pieces 0..pieces-1, each once, and returns when all are done.</summary>
    /// <param name="work">A local of the caller: it must not live on the managed heap.</param>
    public void Run<T>(int pieces, ref T work)
        where T : struct, IPieces
    {
        if (_threads.Length == 0 || pieces <= 1)
        {
            for (int i = 0; i < pieces; i++) work.Run(i);
            return;
        }

        _work = Unsafe.AsPointer(ref work);
        _body = &Piece<T>;
        _pieces = pieces;
        _failure = null;
        _next = 0;
        int helpers = Math.Min(_threads.Length, pieces - 1);
        _start.Release(helpers);
        Share();
        for (int i = 0; i < helpers; i++) _done.Wait();
        if (_failure is not null) throw new AggregateException(_failure);
    }

    public void Dispose()
    {
        _stopping = true;
        if (_threads.Length > 0) _start.Release(_threads.Length);
        foreach (Thread thread in _threads) thread.Join();
        _start.Dispose();
        _done.Dispose();
    }

    private static void Piece<T>(void* work, int piece)
        where T : struct, IPieces
        => Unsafe.AsRef<T>(work).Run(piece);

    private void Work()
    {
        while (true)
        {
            _start.Wait();
            if (_stopping) return;
            Share();
            _done.Release();
        }
    }

    private void Share()
    {
        try
        {
            for (int piece; (piece = Interlocked.Increment(ref _next) - 1) < _pieces;) _body(_work, piece);
        }
        catch (Exception failure)
        {
            Volatile.Write(ref _failure, failure);
        }
    }
}

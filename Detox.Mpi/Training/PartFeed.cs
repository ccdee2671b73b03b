using System.Runtime.ExceptionServices;

namespace Detox.Mpi.Training;

/// <summary>The samples of one part.</summary>
internal sealed class PartSamples(int batch, int imageLength)
{
    public float[] Images { get; } = new float[batch * imageLength];

    public int[] Labels { get; } = new int[batch];

    /// <summary>Whose samples these are; step -1 where there are none.</summary>
    public (long Step, int Group) Of { get; set; } = (-1, 0);
}

/// <summary>Hands out parts, and prepares the next one while the gradient of the last is computed.</summary>
/// <remarks>The next part is known where a group has been asked for in two steps running: it is asked for in the next one too. Any other
/// part is read when it is asked for. The preparing thread sleeps on a monitor, never spins, and the two parts are all the
/// memory there is. Parts are asked for by one thread at a time.</remarks>
internal sealed class PartFeed : IDisposable
{
    private readonly PartReader _reader;
    private readonly long _steps;
    private readonly object _gate = new();
    private readonly Thread _preparer;
    private PartSamples _current, _next;
    private bool _isPreparing;
    private bool _isOver;
    private Exception? _failure;

    /// <param name="steps">The run's: no part is prepared beyond them.</param>
    public PartFeed(PartReader reader, long steps)
    {
        _reader = reader;
        _steps = steps;
        _current = new PartSamples(reader.Batch, reader.ImageLength);
        _next = new PartSamples(reader.Batch, reader.ImageLength);
        _preparer = new Thread(Prepare) { IsBackground = true, Name = "detox samples" };
        _preparer.Start();
    }

    /// <summary>How many parts were ready, or in the making, when they were asked for.</summary>
    public long Prepared { get; private set; }

    /// <summary>The samples of a group's part; they stay until another part is taken. A failure to read them is thrown here, in whichever
    /// thread it happened.</summary>
    public PartSamples Take(long step, int group)
    {
        // A part that is computed once more is still here.
        if (_current.Of == (step, group)) return _current;
        bool isInTurn = _current.Of == (step - 1, group);
        lock (_gate)
        {
            while (_isPreparing) Monitor.Wait(_gate);
            if (_failure is { } failure)
            {
                _failure = null;
                ExceptionDispatchInfo.Throw(failure);
            }

            (_current, _next) = (_next, _current);
            if (_current.Of == (step, group)) Prepared++;
            else Fill(_current, step, group);
            if (!isInTurn || step + 1 >= _steps) return _current;
            _next.Of = (step + 1, group);
            _isPreparing = true;
            Monitor.PulseAll(_gate);
        }

        return _current;
    }

    /// <summary>Ends the thread. What it was preparing is wanted by nobody any more, and neither is its failure.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }

        _preparer.Join();
    }

    private void Prepare()
    {
        while (true)
        {
            (long Step, int Group) wanted;
            lock (_gate)
            {
                while (!_isPreparing && !_isOver) Monitor.Wait(_gate);
                if (_isOver) return;
                wanted = _next.Of;
            }

            Exception? failure = null;
            try
            {
                Fill(_next, wanted.Step, wanted.Group);
            }
            catch (Exception error)
            {
                failure = error;
            }

            lock (_gate)
            {
                _failure = failure;
                _isPreparing = false;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private void Fill(PartSamples part, long step, int group)
    {
        part.Of = (-1, 0);
        _reader.Read(step, group, part.Images, part.Labels);
        part.Of = (step, group);
    }
}

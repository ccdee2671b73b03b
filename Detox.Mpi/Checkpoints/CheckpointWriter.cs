using System.Diagnostics;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Checkpoints;

/// <summary>Saves a run beside its steps: takes a copy, writes it to the disk on a thread of its own, and gives it its name once the ranks have confirmed the weights.</summary>
/// <remarks>One checkpoint is under way at a time. A failure costs that checkpoint alone: older ones stay as they are, and the next is tried again.</remarks>
internal sealed class CheckpointWriter : IDisposable
{
    private readonly CheckpointStore _store;
    private readonly Action _flushLogs;
    private readonly TrainedState _copy;
    private readonly object _gate = new();
    private readonly Thread _thread;
    private RunState? _state;
    private bool? _isConfirmed;
    private bool _isOver;
    private string? _problem;

    /// <param name="copy">Receives what is saved.</param>
    /// <param name="flushLogs">Waits until the logs are on the disk.</param>
    public CheckpointWriter(CheckpointStore store, TrainedState copy, Action flushLogs)
    {
        _store = store;
        _flushLogs = flushLogs;
        _copy = copy;
        _thread = new Thread(Work) { IsBackground = true, Name = "detox checkpoint" };
        _thread.Start();
    }

    /// <summary>Whether the last checkpoint is done with, so that another one may begin.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate) return _state is null;
        }
    }

    /// <summary>Checkpoints that have their names.</summary>
    public int Saved { get; private set; }

    /// <summary>What writing took beside the steps, waiting for the ranks' word left out.</summary>
    public double WriteSeconds { get; private set; }

    /// <summary>Begins a checkpoint.</summary>
    /// <param name="fill">Copies what is saved.</param>
    public void Begin(RunState state, Action<TrainedState> fill)
    {
        lock (_gate)
        {
            if (_state is not null) throw new InvalidOperationException("A checkpoint is under way.");
            fill(_copy);
            _isConfirmed = null;
            _state = state;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The ranks' word on the weights of the checkpoint that is under way, if one is that has none yet.</summary>
    public void Confirm(bool isConfirmed)
    {
        lock (_gate)
        {
            _isConfirmed ??= isConfirmed;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Why the last checkpoint was not saved; null where it was, or where that was said before.</summary>
    public string? TakeProblem()
    {
        lock (_gate)
        {
            string? problem = _problem;
            _problem = null;
            return problem;
        }
    }

    /// <summary>Waits until nothing is under way; the ranks have given their word.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            while (_state is not null) Monitor.Wait(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
    }

    private void Work()
    {
        lock (_gate) _copy.Touch();
        while (true)
        {
            RunState state;
            lock (_gate)
            {
                while (_state is null && !_isOver) Monitor.Wait(_gate);
                if (_state is null) return;
                state = _state;
            }

            string? problem = Save(state);
            lock (_gate)
            {
                _problem = problem ?? _problem;
                _state = null;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private string? Save(RunState state)
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            string draft = _store.Draft(state.Step);
            _copy.Write(draft);
            _flushLogs();
            Durable.Write(Path.Combine(draft, Checkpoint.StateFile), file => file.Write(state.ToJson()));
            byte[] manifest = Manifest.Of(draft, Checkpoint.Files);
            Durable.Write(Path.Combine(draft, Manifest.FileName), file => file.Write(manifest));
            WriteSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (AwaitWord())
            {
                start = Stopwatch.GetTimestamp();
                _store.Commit(state.Step);
                _store.ForgetTries();
                Saved++;
                WriteSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
                return null;
            }

            _store.Discard(state.Step);
            return $"the weights of step {state.Step} were confirmed by no rank, and are not saved";
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            AwaitWord();
            return $"the checkpoint of step {state.Step} cannot be saved: {error.Message}{Discard(state.Step)}";
        }
    }

    private string Discard(long step)
    {
        try
        {
            _store.Discard(step);
            return "";
        }
        catch (Exception error) when (Losses.Covers(error))
        {
            return $", nor can what there is of it be removed: {error.Message}";
        }
    }

    /// <summary>Whether the ranks have confirmed the weights; where the run ends without their word, they have not.</summary>
    private bool AwaitWord()
    {
        lock (_gate)
        {
            while (_isConfirmed is null && !_isOver) Monitor.Wait(_gate);
            return _isConfirmed == true;
        }
    }
}

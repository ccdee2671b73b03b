using System.Diagnostics;
using Detox.Mpi.Training;

namespace Detox.Mpi.Checkpoints;

/// <summary>Rank 0's part in saving a run: when a checkpoint is due, what it says, and whether the ranks confirm its weights.</summary>
internal sealed class RunSaver : IDisposable
{
    private readonly CheckpointStore _store;
    private readonly CheckpointWriter? _writer;
    private readonly CheckpointInterval _interval;
    private long _lastStep;
    private long _lastTime = Stopwatch.GetTimestamp();
    private bool _hasWarned;

    /// <param name="first">The step with which the run begins or goes on.</param>
    /// <param name="makeWriter">Called unless the run is never saved.</param>
    public RunSaver(CheckpointStore store, CheckpointInterval interval, long first, Func<CheckpointWriter> makeWriter)
    {
        _store = store;
        _interval = interval;
        _lastStep = first;
        _writer = interval.IsNever ? null : makeWriter();
    }

    public bool Saves => _writer is not null;

    public int Saved => _writer?.Saved ?? 0;

    /// <summary>What was written beside the steps.</summary>
    public double WriteSeconds => _writer?.WriteSeconds ?? 0;

    /// <summary>Whether a checkpoint is to be made before a step.</summary>
    public bool IsDue(long step)
        => _writer is { IsIdle: true } && !_store.Has(step) && _interval.IsDue(step - _lastStep, Stopwatch.GetElapsedTime(_lastTime));

    /// <summary>Saves the state before a step, beside that step. Returns the seconds for which the run stood still.</summary>
    public double Save(RunState state, Action<TrainedState> fill)
    {
        long start = Stopwatch.GetTimestamp();
        _writer!.Begin(state, fill);
        (_lastStep, _lastTime) = (state.Step, Stopwatch.GetTimestamp());
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Saves the state behind the last step; <see cref="Confirm"/> and <see cref="Finish"/> follow.</summary>
    public void SaveLast(RunState state, Action<TrainedState> fill)
    {
        if (_writer is null || _store.Has(state.Step)) return;
        _writer.Finish();
        _writer.Begin(state, fill);
    }

    /// <summary>The ranks' word on the weights that were saved last.</summary>
    public void Confirm(bool isConfirmed) => _writer?.Confirm(isConfirmed);

    /// <summary>Notes in a step's record what has gone wrong; of several failures the first.</summary>
    public void Report(StepRecord record)
    {
        if (_writer?.TakeProblem() is not { } problem || _hasWarned) return;
        _hasWarned = true;
        record.Notices.Add($"{problem}. The run goes on; older checkpoints are as they were.");
    }

    /// <summary>Waits for what is under way; whether the state before a step is saved.</summary>
    public bool Finish(long step)
    {
        _writer?.Finish();
        return _store.Has(step);
    }

    /// <summary>The run has ended as it should: it may go on from here as often as one likes.</summary>
    public void ForgetTries() => _store.ForgetTries();

    public void Dispose() => _writer?.Dispose();
}

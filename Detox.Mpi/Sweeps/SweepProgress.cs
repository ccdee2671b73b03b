using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>How far a sweep is in this process: what is over, what runs, and how long the rest may take. For use from several threads.</summary>
internal sealed class SweepProgress(IReadOnlyList<SweepCell> todo, int atOnce, CostModel costs)
{
    private readonly Lock _lock = new();
    private readonly List<CellRun> _running = [];
    private readonly List<CellEnd> _ended = [];
    private int _next;

    public int Count => todo.Count;

    /// <summary>In the order in which they ended.</summary>
    public IReadOnlyList<CellEnd> Ended
    {
        get
        {
            lock (_lock) return [.. _ended];
        }
    }

    public IReadOnlyList<CellRun> Running
    {
        get
        {
            lock (_lock) return [.. _running];
        }
    }

    /// <summary>The next cell that nobody has begun, as a run; null where there is none.</summary>
    public CellRun? Take(Func<SweepCell, CellRun> start)
    {
        lock (_lock)
        {
            if (_next == todo.Count) return null;
            CellRun run = start(todo[_next++]);
            _running.Add(run);
            return run;
        }
    }

    /// <summary>Returns how many are over now.</summary>
    public int End(CellRun run, CellEnd end)
    {
        if (end is { State: CellState.Finished, Result: { } result }) costs.Add(end.Cell, result.Steps, result.Seconds, end.Seconds);
        lock (_lock)
        {
            _running.Remove(run);
            _ended.Add(end);
            return _ended.Count;
        }
    }

    /// <summary>Seconds until all cells are over; not a number where it is not known of some.</summary>
    public double SecondsLeft()
    {
        lock (_lock)
        {
            double work = 0;
            for (int i = _next; i < todo.Count; i++) work += costs.Seconds(todo[i]);
            double longest = 0;
            foreach (CellRun run in _running)
            {
                double left = SecondsLeft(run);
                work += left;
                longest = Math.Max(longest, left);
            }

            return double.IsNaN(work) ? work : Math.Max(longest, work / Math.Max(1, Math.Min(atOnce, todo.Count - _ended.Count)));
        }
    }

    private double SecondsLeft(CellRun run)
    {
        RunMonitor? monitor = run.Monitor;
        long steps = run.Cell.Options.Steps, done = monitor?.Steps ?? 0;
        double whole = costs.Seconds(run.Cell);
        if (double.IsNaN(whole) && monitor is not null) whole = monitor.SecondsAStep * steps;
        return whole * (steps - done) / steps;
    }
}

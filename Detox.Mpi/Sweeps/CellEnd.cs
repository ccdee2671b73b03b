namespace Detox.Mpi.Sweeps;

/// <summary>What has become of a cell.</summary>
public enum CellState
{
    /// <summary>Its result is there.</summary>
    Finished,

    /// <summary>It was stopped, and goes on when the sweep does.</summary>
    Stopped,

    /// <summary>It has no result, or one that is an error: training diverged without an attack, or a report could not be written.</summary>
    Failed,

    /// <summary>Another process runs it.</summary>
    Elsewhere,
}

/// <summary>How a cell ended in this process.</summary>
/// <param name="Result">Null where there is none.</param>
/// <param name="Problem">Why it failed; null where it did not.</param>
/// <param name="Seconds">That it took this process, all of them.</param>
internal sealed record CellEnd(SweepCell Cell, CellState State, CellResult? Result = null, string? Problem = null, double Seconds = 0)
{
    /// <summary>The end of a cell whose result is there: training that diverged by itself is an error, under an attack a result.</summary>
    public static CellEnd Of(SweepCell cell, CellResult result, double seconds = 0)
    {
        return result.DivergedAt is { } step && !cell.Options.IsAttacked
            ? new CellEnd(cell, CellState.Failed, result, $"the training diverged at step {step} without an attack; lower learning-rate", seconds)
            : new CellEnd(cell, CellState.Finished, result, null, seconds);
    }
}

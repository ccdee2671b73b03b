using System.Diagnostics;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Commands;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>Runs one cell in this process, from wherever it is.</summary>
/// <param name="threads">That the cell computes with.</param>
internal sealed class CellRun(SweepCell cell, DataShelf data, int threads, StopSignals stop)
{
    private RunMonitor? _monitor;

    public SweepCell Cell => cell;

    /// <summary>Null until the run has begun.</summary>
    public RunMonitor? Monitor => Volatile.Read(ref _monitor);

    private string Folder => Path.Combine(cell.Options.Out, cell.Folder);

    /// <summary>Goes on with the cell, or begins it; a finished one is left as it is. No exception leaves it.</summary>
    public CellEnd Execute()
    {
        try
        {
            using CellLog? log = CellLog.TryOpen(Folder);
            if (log is null) return new CellEnd(cell, CellState.Elsewhere);
            if (Ended(0) is { } end) return end;
            return Execute(log);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return new CellEnd(cell, CellState.Failed, null, $"its folder cannot be written: {error.Message}");
        }
    }

    private CellEnd Execute(CellLog log)
    {
        Stopwatch clock = Stopwatch.StartNew();
        ExitCode code = ExitCode.Unexpected;
        try
        {
            RunMonitor monitor = new(log);
            Volatile.Write(ref _monitor, monitor);
            ResumePoint point = Find(log);
            code = TrainCommand.ExecuteInProcess(cell.Options with { Threads = threads }, new RunContext(Resume: point, Stop: stop, Monitor: monitor), data.Open(cell.Options));
        }
        catch (Exception error)
        {
            // A cell that fails takes no other with it.
            log.WriteLine(DetoxException.Of(error) is { } known ? $"detox: {known.Message}" : $"unexpected error: {error}");
        }

        CellEnd? end = Ended(clock.Elapsed.TotalSeconds);
        if (end is { State: CellState.Finished } && code != ExitCode.Done) return end with { State = CellState.Failed, Problem = log.LastProblem ?? $"exit code {(int)code}" };
        if (end is not null) return end;
        if (code == ExitCode.StoppedWithCheckpoint || stop.IsWanted) return new CellEnd(cell, CellState.Stopped);
        return new CellEnd(cell, CellState.Failed, null, log.LastProblem ?? $"exit code {(int)code}", clock.Elapsed.TotalSeconds);
    }

    /// <summary>Null where there is no result that can be read.</summary>
    private CellEnd? Ended(double seconds)
    {
        if (CellResult.Read(Folder) is not { } result) return null;
        CellResult.Seal(Folder);
        return CellEnd.Of(cell, result, seconds);
    }

    /// <summary>Where the cell goes on. What is left of it and cannot be used is no reason not to compute it: it begins anew.</summary>
    private ResumePoint Find(CellLog log)
    {
        // That a sweep was killed is no fault of the cells it ran: how often is not counted.
        new CheckpointStore(Folder).ForgetTries();
        try
        {
            ResumePoint point = ResumePoint.Find(Folder, message => DetoxCommand.Report(message, log));
            if (point.Config is not { } config) return point;
            IReadOnlyList<string> problems = ResumeOptions.Problems(ConfigFile.Parse(config, RunFolder.Config), cell.Options, point.Step, acceptsNewGroups: false);
            if (problems.Count == 0) return point;
            DetoxCommand.Report($"the folder holds another run: {string.Join(' ', problems)}", log);
        }
        catch (DetoxException error)
        {
            DetoxCommand.Report(error.Message, log);
        }

        log.WriteLine("the cell begins anew");
        Clear();
        return ResumePoint.Find(Folder, _ => { });
    }

    private void Clear()
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(Folder))
        {
            if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
            else if (Path.GetFileName(path) != RunFolder.Output) File.Delete(path);
        }
    }
}

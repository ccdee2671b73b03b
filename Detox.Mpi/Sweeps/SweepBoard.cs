using System.Globalization;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Detox.Mpi.Sweeps;

/// <summary>A sweep as people see it: on a terminal a table that is always now, else a line for each cell that ends.</summary>
/// <param name="prefix">Of each line: which process speaks, where there are several.</param>
internal sealed class SweepBoard(SweepProgress progress, bool isLive, string prefix)
{
    private const int MostEndedShown = 5;

    private static readonly TimeSpan _redraw = TimeSpan.FromSeconds(0.25);
    private static readonly CultureInfo _culture = CultureInfo.InvariantCulture;

    private readonly Lock _lock = new();

    /// <summary>Says that a cell is over, where nobody sees the table.</summary>
    /// <param name="number">How many are over.</param>
    public void Say(CellEnd end, int number)
    {
        if (isLive) return;
        lock (_lock) Console.Out.WriteLine($"{prefix}{number}/{progress.Count} {end.Cell.Folder}: {What(end)}; {Left(progress.SecondsLeft())}");
    }

    /// <summary>Shows the table until all cells are over.</summary>
    /// <param name="wait">Waits for the end, so long at most; whether it has come.</param>
    public void Show(Func<TimeSpan, bool> wait)
    {
        if (!isLive)
        {
            while (!wait(_redraw))
            {
            }

            return;
        }

        AnsiConsole.Live(Draw()).AutoClear(true).Start(context =>
        {
            do context.UpdateTarget(Draw());
            while (!wait(_redraw));
        });
    }

    /// <summary>"about 12 min left".</summary>
    public static string Left(double seconds) => double.IsNaN(seconds) ? "time left not known yet" : $"about {ProgressLine.Left(seconds)} left";

    /// <summary>What has become of a cell, in words.</summary>
    public static string What(CellEnd end) => end switch
    {
        { State: CellState.Finished, Result: { } result } => $"{Score(result)}, {end.Seconds.ToString("F1", _culture)} s",
        { State: CellState.Failed, Problem: var problem } => $"failed: {problem}",
        { State: CellState.Stopped } => "stopped, and saved",
        _ => "is run by another process",
    };

    private static string Score(CellResult result)
        => string.Create(_culture, $"accuracy {result.Accuracy:P2}, loss {result.Loss:F4}{(result.DivergedAt is { } step ? $", diverged at step {step}" : "")}");

    private IRenderable Draw()
    {
        Table table = new Table().Border(TableBorder.Horizontal).AddColumns("cell", "steps", "accuracy", "s a step", "time");
        IReadOnlyList<CellEnd> ended = progress.Ended;
        foreach (CellEnd end in ended.Skip(Math.Max(0, ended.Count - MostEndedShown)))
        {
            table.AddRow(
                Text(end.Cell.Folder), Text(end.Result is { } result ? $"{result.Steps}" : ""), Text(end.Result is null ? end.State.ToString().ToLowerInvariant() : Percent(end.Result.Accuracy)),
                Text(""), Text(end.State == CellState.Failed ? "failed" : $"{end.Seconds.ToString("F1", _culture)} s"));
        }

        foreach (CellRun run in progress.Running)
        {
            RunMonitor? monitor = run.Monitor;
            table.AddRow(
                Text(run.Cell.Folder), Text($"{monitor?.Steps ?? 0}/{run.Cell.Options.Steps}"), Text(Percent(monitor?.Accuracy ?? double.NaN)),
                Text(monitor is null || double.IsNaN(monitor.SecondsAStep) ? "-" : monitor.SecondsAStep.ToString("F3", _culture)), Text($"{(monitor?.Seconds ?? 0).ToString("F0", _culture)} s"));
        }

        int failed = ended.Count(end => end.State == CellState.Failed);
        string line = $"{ended.Count} of {progress.Count} cells are over{(failed > 0 ? $", {failed} failed" : "")}; {Left(progress.SecondsLeft())}";
        return new Rows(table, Text(line));
    }

    private static Text Text(string text) => new(text);

    private static string Percent(double share) => double.IsNaN(share) ? "-" : share.ToString("P2", _culture);
}

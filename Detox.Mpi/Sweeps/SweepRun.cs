using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>Runs cells in this process, several at a time, until they are over or a signal asks to stop.</summary>
/// <param name="cells">In the order in which they are begun.</param>
/// <param name="atOnce">How many run at a time.</param>
/// <param name="threads">That each of them computes with.</param>
internal sealed class SweepRun(IReadOnlyList<SweepCell> cells, DataShelf data, int atOnce, int threads, CostModel costs, StopSignals stop)
{
    /// <summary>Returns how the cells ended that were begun; those that were not are left out.</summary>
    /// <param name="isLive">Whether the console is a terminal, and this process's alone.</param>
    /// <param name="prefix">Of each line.</param>
    public IReadOnlyList<CellEnd> Execute(bool isLive, string prefix)
    {
        SweepProgress progress = new(cells, atOnce, costs);
        SweepBoard board = new(progress, isLive, prefix);
        using CountdownEvent over = new(atOnce);
        for (int i = 0; i < atOnce; i++)
        {
            Thread thread = new(() =>
            {
                RunCells(progress, board);
                over.Signal();
            })
            {
                IsBackground = true,
                Name = $"detox cell {i}",
            };
            thread.Start();
        }

        board.Show(over.Wait);
        return progress.Ended;
    }

    private void RunCells(SweepProgress progress, SweepBoard board)
    {
        while (!stop.IsWanted && progress.Take(cell => new CellRun(cell, data, threads, stop)) is { } run)
        {
            CellEnd end = run.Execute();
            board.Say(end, progress.End(run, end));
        }
    }
}

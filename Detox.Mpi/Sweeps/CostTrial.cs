using System.Diagnostics;
using Detox.Mpi.Commands;
using Detox.Mpi.Training;

namespace Detox.Mpi.Sweeps;

/// <summary>Tries the first steps of cells of which nothing like them is finished, so that their time can be told.</summary>
internal static class CostTrial
{
    private const int Steps = 3;

    private static readonly TimeSpan _budget = TimeSpan.FromSeconds(20);

    /// <summary>Measures one cell of each kind that the model does not know, as long as there is time. Returns how many kinds were tried.</summary>
    public static int Run(IEnumerable<SweepCell> cells, DataShelf data, int threads, CostModel costs)
    {
        using StopSignals stop = new();
        using Timer timer = new(_ => stop.Want(), null, _budget, Timeout.InfiniteTimeSpan);
        int tried = 0;
        foreach (SweepCell cell in cells)
            if (!stop.IsWanted && !costs.KnowsMethod(cell) && TryOne(cell, data, threads, costs, stop)) tried++;
        return tried;
    }

    private static bool TryOne(SweepCell cell, DataShelf data, int threads, CostModel costs, StopSignals stop)
    {
        string folder = Directory.CreateTempSubdirectory("detox-trial-").FullName;
        try
        {
            RunMonitor monitor = new(TextWriter.Null);
            TrainOptions options = cell.Options with
            {
                Out = folder,
                Steps = Steps,
                Threads = threads,
                WarmUp = 0,
                Schedule = "constant",
                EvaluateEvery = 0,
                CheckpointEvery = Checkpoints.CheckpointInterval.Parse("0"),
            };
            Stopwatch clock = Stopwatch.StartNew();
            TrainCommand.ExecuteInProcess(options, new RunContext(Stop: stop, Monitor: monitor), data.Open(options));
            double step = monitor.SecondsAStep, evaluation = double.IsNaN(monitor.SecondsToEvaluate) ? 0 : monitor.SecondsToEvaluate;
            if (double.IsNaN(step)) return false;
            int every = cell.Options.EvaluateEvery, steps = cell.Options.Steps;
            int evaluations = every == 0 ? 1 : (steps + every - 1) / every;
            double seconds = (step * steps) + (evaluation * evaluations);
            costs.Add(cell, steps, seconds, seconds + Math.Max(0, clock.Elapsed.TotalSeconds - (step * Steps) - evaluation));
            return true;
        }
        catch (DetoxException)
        {
            return false;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

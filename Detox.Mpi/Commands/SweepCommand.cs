using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Detox.Mpi.Messaging;
using Detox.Mpi.Reports;
using Detox.Mpi.Sweeps;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>sweep: a grid of trainings from a file, each a run's folder of its own.</summary>
internal static class SweepCommand
{
    public const string Verb = "sweep";

    private const string Description =
        """
        Train every cell of a grid, several at a time, and write a table. The keys of FILE are train's options: a list makes a dimension, a table [methods.NAME] a method with its options.
        samples = "per-rank" (the default): equal work, each rank computes `batch` samples a step whatever its method, so a method in groups of r sees 1/r of the samples.
        samples = "per-step": equal samples, each method's step sees ranks x batch samples, so that groups x batch is the same for all: a rank in a group of r computes r x batch.
        The same command goes on with what was stopped or killed. Under mpiexec, and in the tasks of a SLURM array, the cells are shared out: process i of n takes the cells i, i + n, ...
        """;

    public static Command Create(Launcher launcher)
    {
        Argument<string> file = new("FILE") { Description = "the grid, in TOML" };
        Option<string> @out = new("--out") { Description = "folder that receives a run's folder for each cell, sweep.json and table.csv", HelpName = "DIR", Required = true };
        Option<int?> atOnce = new("--at-once") { Description = "cells that this process runs at a time (as many as it has cores; each computes with its share of them)", HelpName = "N" };
        Option<bool> dryRun = new("--dry-run") { Description = "only say how many cells there are and about how long they take; nothing is written" };
        Command command = new(Verb, Description) { file, @out, atOnce, dryRun };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(atOnce) is < 1 and var wrong) throw new DetoxException(ExitCode.Usage, $"--at-once {wrong}: at least 1.");
            SweepInput input = new(parsed.GetValue(file)!, Path.TrimEndingDirectorySeparator(parsed.GetValue(@out)!), parsed.GetValue(atOnce));
            if (parsed.GetValue(dryRun)) return launcher.Rank == 0 ? (int)input.Foresee(launcher) : (int)ExitCode.Done;
            return (int)input.Execute(launcher);
        });
        return command;
    }

    /// <summary>What stands on the line.</summary>
    private sealed record SweepInput(string File, string Out, int? AtOnce)
    {
        private readonly DataShelf _data = new();
        private readonly List<string> _leftOut = [];

        public ExitCode Execute(Launcher launcher)
        {
            using StopSignals stop = new();
            if (!launcher.IsLaunched)
            {
                (SweepGrid grid, IReadOnlyList<SweepCell> cells) = Read();
                return End(grid, cells, Run(grid, cells, Share.OfArray(Environment.GetEnvironmentVariables()), Environment.ProcessorCount, stop));
            }

            ExitCode RunRank(Communicator world)
            {
                (SweepGrid grid, IReadOnlyList<SweepCell> cells) = Agreement.Reach(world, Read);
                Share share = Share.OfArray(Environment.GetEnvironmentVariables()).OfRank(world.Rank, world.Size);
                ExitCode own = Run(grid, cells, share, world.OwnCores, stop);

                // A rank that ends before the others, with an error, would take them along.
                long[] codes = [Severity(own)];
                world.Allreduce(codes, Reduction.Maximum);
                ExitCode all = codes[0] switch { 0 => ExitCode.Done, 1 => ExitCode.Unexpected, _ => ExitCode.StoppedWithCheckpoint };
                return world.Rank == 0 ? End(grid, cells, all) : all;
            }

            return (ExitCode)World.Run(launcher, launcher.Size, world => TrainCommand.Speak(world, () => RunRank(world), Console.Error), Console.Error);
        }

        /// <summary>--dry-run: the cells and their time.</summary>
        public ExitCode Foresee(Launcher launcher)
        {
            (SweepGrid grid, IReadOnlyList<SweepCell> cells) = Read();
            int processes = Share.OfArray(Environment.GetEnvironmentVariables()).Count * Math.Max(1, launcher.Size);
            CostModel costs = new();
            List<SweepCell> left = Left(cells, costs, out int begun);
            int finished = cells.Count - left.Count;
            (int atOnce, int threads) = Division(left.Count, Environment.ProcessorCount);
            SayGrid(grid, cells, finished);
            if (left.Count == 0) return ExitCode.Done;
            Console.Out.WriteLine($"{left.Count} to do{(begun > 0 ? $", of which {begun} are begun" : "")}; {atOnce} at a time, {threads} {(threads == 1 ? "thread" : "threads")} each{(processes > 1 ? $", in each of {processes} processes" : "")}");
            int tried = CostTrial.Run(left, _data, threads, costs);
            string source = (finished > 0, tried > 0) switch
            {
                (true, true) => $"by {finished} finished cells, and a few steps of {tried} other kinds",
                (true, false) => $"by {finished} finished cells",
                _ => $"by a few steps of {tried} kinds of cells; what else runs on this machine is not reckoned with",
            };
            List<double> known = [.. left.Select(costs.Seconds).Where(seconds => !double.IsNaN(seconds))];
            if (known.Count == 0) Console.Out.WriteLine("how long they take is not known: nothing like them is finished, and a few steps took too long to tell");
            else if (known.Count < left.Count) Console.Out.WriteLine($"{known.Count} of them take about {Time(known)} {source}; of {left.Count - known.Count} it is not known");
            else Console.Out.WriteLine($"about {Time(known)} {source}");
            return ExitCode.Done;

            string Time(List<double> seconds) => ProgressLine.Left(Math.Max(seconds.Max(), seconds.Sum() / (atOnce * processes)));
        }

        private (SweepGrid Grid, IReadOnlyList<SweepCell> Cells) Read()
        {
            SweepGrid grid = SweepFile.Read(File);
            return (grid, SweepPlan.Cells(grid, _data, Out, _leftOut));
        }

        /// <summary>Runs this process's cells.</summary>
        private ExitCode Run(SweepGrid grid, IReadOnlyList<SweepCell> cells, Share share, int cores, StopSignals stop)
        {
            new SweepFolder(Out).Begin(grid, cells);
            CostModel costs = new();
            List<SweepCell> own = [.. cells.Where((_, i) => share.Has(i))];
            List<SweepCell> left = Left(own, costs, out _);
            string prefix = share.Count > 1 ? $"process {share.Index} of {share.Count}: " : "";
            if (share.Index == 0) SayGrid(grid, cells, share.Count > 1 ? null : own.Count - left.Count);
            if (left.Count == 0) return Judge(own, [], stop);

            (int atOnce, int threads) = Division(left.Count, cores);
            Console.Out.WriteLine($"{prefix}{left.Count} to do, {atOnce} at a time, {threads} {(threads == 1 ? "thread" : "threads")} each");
            Stopwatch clock = Stopwatch.StartNew();
            TimeSpan before = Busy();
            IReadOnlyList<CellEnd> ends = new SweepRun(left, _data, atOnce, threads, costs, stop).Execute(ProgressLine.IsTerminal() && share.Count == 1, prefix);
            double busy = (Busy() - before) / clock.Elapsed / Environment.ProcessorCount;
            int finished = ends.Count(end => end.Result is not null);
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{prefix}{finished} cells in {clock.Elapsed.TotalSeconds:F1} s; this process kept {busy:P0} of the machine's {Environment.ProcessorCount} cores busy"));
            return Judge(own, ends, stop);
        }

        /// <summary>Says what failed, of this process's cells, now or before.</summary>
        private ExitCode Judge(List<SweepCell> own, IReadOnlyList<CellEnd> ends, StopSignals stop)
        {
            Dictionary<string, CellEnd> ended = ends.ToDictionary(end => end.Cell.Folder);
            bool hasFailed = false, isWhole = true;
            foreach (SweepCell cell in own)
            {
                CellEnd? end = ended.GetValueOrDefault(cell.Folder)
                    ?? (CellResult.Read(Path.Combine(Out, cell.Folder)) is { } result ? CellEnd.Of(cell, result) : null);
                if (end is { State: CellState.Finished }) continue;
                if (end is null or { State: CellState.Stopped })
                {
                    isWhole = false;
                    continue;
                }

                hasFailed = true;
                DetoxCommand.Report($"{cell.Folder} {SweepBoard.What(end)}; see {Path.Combine(Out, cell.Folder, RunFolder.Output)}");
            }

            if (stop.IsWanted && !isWhole) return ExitCode.StoppedWithCheckpoint;
            return hasFailed || !isWhole ? ExitCode.Unexpected : ExitCode.Done;
        }

        /// <summary>Writes the table, and says how the sweep ends.</summary>
        private ExitCode End(SweepGrid grid, IReadOnlyList<SweepCell> cells, ExitCode code)
        {
            SweepFolder folder = new(Out);
            folder.WriteTable(grid, cells);
            int finished = cells.Count(cell => CellResult.Read(Path.Combine(Out, cell.Folder)) is not null);
            Console.Out.WriteLine($"{finished} of {cells.Count} cells have a result; table {folder.TablePath}");
            if (code == ExitCode.StoppedWithCheckpoint) Console.Out.WriteLine("stopped; to go on: the same command");
            return code;
        }

        private void SayGrid(SweepGrid grid, IReadOnlyList<SweepCell> cells, int? finished)
        {
            string sizes = string.Join(" x ", [$"{grid.Methods.Count} {(grid.Methods.Count == 1 ? "method" : "methods")}", .. grid.Dimensions.Select(dimension => $"{dimension.Texts.Count} {dimension.Option.Name}")]);
            string done = finished is { } count ? $"; {count} finished" : "";
            Console.Out.WriteLine($"{File}: {cells.Count} cells ({sizes}), samples {grid.RuleName}{done}");
            foreach (string reason in _leftOut) Console.Out.WriteLine($"left out: {reason}");
            if (new SweepFolder(Out).Others(cells) is > 0 and var others)
                Console.Out.WriteLine($"{Out} holds {others} other {(others == 1 ? "folder" : "folders")}: cells of other options, other data or another build of the program are not taken for these");
        }

        /// <summary>The cells that have no result; those that have one are measured.</summary>
        private List<SweepCell> Left(IEnumerable<SweepCell> cells, CostModel costs, out int begun)
        {
            List<SweepCell> left = [];
            begun = 0;
            foreach (SweepCell cell in cells)
            {
                string folder = Path.Combine(Out, cell.Folder);
                if (CellResult.ReadSealed(folder) is { } result)
                {
                    costs.Add(cell, result.Steps, result.Seconds);
                    continue;
                }

                left.Add(cell);
                if (Directory.Exists(folder)) begun++;
            }

            return left;
        }

        /// <summary>How many cells run at a time, and with how many threads each.</summary>
        private (int AtOnce, int Threads) Division(int cells, int cores)
        {
            int atOnce = Math.Max(1, Math.Min(AtOnce ?? cores, cells));
            return (atOnce, Math.Max(1, cores / atOnce));
        }

        private static int Severity(ExitCode code) => code switch { ExitCode.Done => 0, ExitCode.StoppedWithCheckpoint => 2, _ => 1 };

        private static TimeSpan Busy()
        {
            using Process process = Process.GetCurrentProcess();
            return process.TotalProcessorTime;
        }
    }
}

using System.CommandLine;
using Detox.Gpu.Devices;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Data;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>replay: whether a step of a run comes out as logged when it is computed once more.</summary>
internal static class ReplayCommand
{
    private static readonly (string Name, string Help)[] _ofTrain =
    [
        ("device", "cpu, cuda, opencl or simulator, as cuda:1 (auto: cuda, else cpu)"),
        ("threads", "threads of the CPU (all cores)"),
        ("data", "where the run's data is, if that is not where it was"),
    ];

    public static Command Create()
    {
        Argument<string> run = new("RUN") { Description = "the run's folder" };
        Option<long> step = new("--step") { Description = "the step to compare, from 0; those since the checkpoint before it are computed as well", HelpName = "N", Required = true };
        Option<int?> group = new("--group") { Description = "only this group of it", HelpName = "G" };
        Command command = new("replay", "Compute a step of a run once more, on any device, and compare gradients and weights with its log.") { run, step, group };
        TrainOptionSet options = new(command, _ofTrain.Select(own => TrainOption.All.Single(option => option.Name == own.Name) with { Help = own.Help }));
        command.SetAction(parsed => (int)Execute(
            parsed.GetValue(run)!,
            parsed.GetValue(step),
            parsed.GetValue(group),
            of => options.Read(parsed, of with { Device = "auto", Threads = null })));
        return command;
    }

    private static ExitCode Execute(string folder, long step, int? group, Func<TrainOptions, TrainOptions> read)
    {
        ReplayRange range = ReplayRange.Find(folder, step, DetoxCommand.Report);
        TrainOptions options = Options(range, group, read);
        DataSplit data = DataSource.Open(options.Data, options.Seed);
        if (range.State is { } state)
        {
            Checkpoint.Expect(state, data);
            if (state.Program != RunReport.Program) ConsoleLines.Warn($"the run was saved by detox {state.Program}, and this is {RunReport.Program}: its bits may differ.");
        }

        using Device device = DeviceChoice.Open(options.Device, options.Threads!.Value, rank: 0, localRank: 0);
        using Replay replay = new(range, options, data, device);
        replay.Run(group);
        foreach (string difference in replay.Differences) DetoxCommand.Report(difference);
        if (replay.Differences.Count == 0)
        {
            string where = $"{folder}, step {step}{(group is null ? "" : $", group {group}")}";
            string end = group is not null || range.WeightsBefore(step + 1) is not null ? "" : "; the weights behind it are logged nowhere";
            Console.Out.WriteLine(
                $"{where}: equal; compared {Count(replay.Roots, "root")} of groups and {Count(replay.Weights, "root")} of weights, computed from {range.Origin} on {device.Name}{end}");
        }

        foreach ((_, string line) in range.BlamesOf(replay.ReachedStep)) Console.Out.WriteLine($"{RunFolder.Blames}: {line}");
        return replay.Differences.Count == 0 ? ExitCode.Done : ExitCode.Unexpected;
    }

    /// <summary>The run's options with those of the line.</summary>
    private static TrainOptions Options(ReplayRange range, int? group, Func<TrainOptions, TrainOptions> read)
    {
        TrainOptions options = read(range.Options()).Resolve(launchedRanks: null, Environment.ProcessorCount);
        List<string> problems = [.. options.Validate()];
        if (options.Device.Contains(',')) problems.Add($"--device {options.Device}: one device.");
        if (problems.Count > 0) throw new DetoxException(ExitCode.Usage, string.Join("\n       ", problems));
        foreach (StepRecord logged in range.Steps)
        {
            if (logged.Roots.Count == options.GroupCount) continue;
            throw new DetoxException(
                ExitCode.Usage,
                $"step {logged.Step} has {logged.Roots.Count} groups, and the options that are known make {options.GroupCount}: the run went on with other options from {range.Origin} on, which only a checkpoint behind that step would say.");
        }

        if (group is not { } asked) return options;
        if (asked < 0 || asked >= options.GroupCount) throw new DetoxException(ExitCode.Usage, $"--group {asked}: the run has the groups 0 to {options.GroupCount - 1}.");
        return range.Last.Roots[asked] is not null ? options
            : throw new DetoxException(ExitCode.Usage, $"--group {asked}: it was void in step {range.Last.Step}, so there is no root to compare.");
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";
}

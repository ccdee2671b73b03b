using System.Globalization;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Pages;

/// <summary>The tables of one run.</summary>
internal static class RunTables
{
    /// <summary>The columns that follow those of a sweep in table.csv.</summary>
    public static IReadOnlyList<string> RawColumns { get; } =
    [
        "method", "attack", "byzantine", "seed", "folder", "state", "accuracy", "loss", "steps", "median_step_seconds",
        .. Enum.GetValues<Phase>().Select(phase => $"{RunSummary.Name(phase)}_seconds_a_step"), "vector_bytes_a_step", "samples_a_step", "variance", "faults", "weights_sha256",
    ];

    /// <summary>A run's line of table.csv; fields of what it has not come to are empty.</summary>
    public static IReadOnlyList<string> RawRow(RunFacts run, string method, string folder) =>
    [
        method, run.Options.Attack, Text(run.Options.Byzantine!.Value), run.Options.Seed.ToString(CultureInfo.InvariantCulture), folder, run.State,
        Numbers.Raw(run.Accuracy), Numbers.Raw(run.End?.Loss), Text(run.Steps.Count), Numbers.Raw(run.End?.MedianStepSeconds),
        .. Enum.GetValues<Phase>().Select(phase => Numbers.Raw(run.MeanSecondsOf(phase))), Numbers.Raw(run.MeanVectorBytes), Numbers.Raw(run.MeanSamples), Numbers.Raw(run.MeanVariance),
        Text(run.Blames.Count), run.End?.Weights ?? "",
    ];

    public static Table Facts(RunFacts run)
    {
        TrainOptions options = run.Options;
        List<IReadOnlyList<string>> rows =
        [
            ["state", run.State],
            ["accuracy", run.Accuracy is { } accuracy ? Numbers.Percent(accuracy) : "not looked at yet"],
            ["method", run.Method],
            ["attack", $"{options.Attack}, q = {options.Byzantine} of {options.Ranks} ranks, placement {options.Placement}"],
            ["trained", $"{options.Model} on {options.Data}, batch {options.Batch} a rank, seed {options.Seed}"],
            ["faults", $"{run.Blames.Count:N0} of {run.Blames.Select(blame => blame.Blame.Rank).Distinct().Count():N0} ranks"],
            ["void groups", $"{run.Steps.Sum(step => step.Voids):N0}; skipped steps: {run.Steps.Count(step => step.IsSkipped):N0}"],
            ["vectors", $"{Numbers.Short(run.MeanVectorBytes / 1e6)} MB a step into rank 0"],
        ];
        if (run.HasVariance) rows.Add(["variance", $"{Numbers.Short(run.MeanVariance)}, of the mean of {Numbers.Whole(run.MeanSamples)} samples, summed over the parameters"]);
        if (run.End is { } end)
        {
            rows.Add(["seconds", $"{Numbers.Short(end.Seconds)} in all, {Numbers.Short(end.MedianStepSeconds)} the median step"]);
            rows.Add(["device", $"{end.Device}; {end.Messaging}; Detox {end.Version}"]);
            rows.Add(["weights", $"SHA-256 {end.Weights}"]);
        }

        return new Table($"Run {run.Name}", ["of the run", "value"], rows);
    }

    /// <summary>Facts, and whatever else there is to say of this run.</summary>
    public static IReadOnlyList<Table> All(RunFacts run)
    {
        List<Table> tables = [];
        if (run.Steps.Count > 0)
        {
            tables.Add(new Table("Time by phase", ["phase", "seconds in all", "ms a step"], [.. Enum.GetValues<Phase>().Select(phase => (IReadOnlyList<string>)
            [
                RunSummary.Name(phase), Numbers.Short(run.Steps.Sum(step => step.Seconds[(int)phase])), Numbers.Short(1e3 * run.MeanSecondsOf(phase)),
            ])]));
        }

        if (run.End is { Ranks.Count: > 0 } end)
            tables.Add(new Table("Of a rank", ["quantity", "least", "mean", "most"], [.. end.Ranks.Select(Rank)]));
        if (run.Blames.Count > 0) tables.Add(Faults(run));
        return tables;

        static IReadOnlyList<string> Rank(RankFacts of)
        {
            bool isBytes = of.Name.EndsWith("_bytes", StringComparison.Ordinal);
            Func<double, string> text = isBytes ? value => $"{Numbers.Short(value / 1e6)} MB" : value => $"{Numbers.Short(value)} s";
            return [of.Name.Replace("_bytes", "", StringComparison.Ordinal).Replace("_seconds", "", StringComparison.Ordinal), text(of.Least), text(of.Mean), text(of.Most)];
        }
    }

    public static Table Evaluations(RunFacts run)
        => new("Looks at the test set", ["steps", "seconds", "accuracy", "loss"], [.. run.Evaluations.Select(look => (IReadOnlyList<string>)
            [Numbers.Whole(look.Step), Numbers.Short(look.Seconds), Numbers.Percent(look.Accuracy), Numbers.Short(look.Loss)])]);

    public static Table Options(RunFacts run) => new("Options", ["option", "value"], [.. TrainOption.All.Select(option => (IReadOnlyList<string>)[option.Name, option.Text(run.Options)])]);

    private static Table Faults(RunFacts run)
        => new("Faults by rank", ["rank", "host", "faults", "kinds", "first step", "first parameter"], [.. run.Blames.GroupBy(blame => blame.Blame.Rank).OrderBy(group => group.Key).Select(rank => (IReadOnlyList<string>)
            [
                Text(rank.Key), run.Hosts.ElementAtOrDefault(rank.Key) ?? "", Numbers.Whole(rank.Count()),
                string.Join(", ", rank.GroupBy(blame => blame.Blame.Fault).OrderBy(kind => kind.Key).Select(kind => $"{RunFolder.Text(kind.Key)} ({kind.Count():N0})")),
                Numbers.Whole(rank.Min(blame => blame.Blame.Step)), rank.FirstOrDefault(blame => blame.Parameter.Length > 0)?.Parameter ?? "",
            ])]);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}

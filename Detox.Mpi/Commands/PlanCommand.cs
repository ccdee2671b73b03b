using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Detox.Gpu.Aggregation;
using Detox.Mpi.Groups;
using Detox.Mpi.Planning;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>plan: what q Byzantine ranks and faults do to a scheme and to its alternatives, what each costs, and which pays.</summary>
internal static class PlanCommand
{
    private const double TenGigabits = 1.25;
    private static readonly string[] _ofTrain = ["ranks", "group-size", "placement", "buckets", "within", "across", "pre", "ballot", "model", "data", "batch"];

    public static Command Create()
    {
        Option<string> byzantine = new("--byzantine") { Description = "Byzantine ranks q: a number, a range 0..10 or 0..100:10, or several with commas (p/9: 5 of 45)", HelpName = "Q" };
        Option<double> faultRate = new("--fault-rate") { Description = "probability with which any other rank errs in a step, by itself (0)", HelpName = "X" };
        Option<long?> parameters = new("--parameters") { Description = "size d of a model that is none of --model; a gradient takes 6 d operations a sample then", HelpName = "D" };
        Option<int> nodes = new("--nodes") { Description = "nodes that the ranks are on", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<int?> cores = new("--cores") { Description = "cores that all ranks share (one for each rank)", HelpName = "N" };
        Option<double?> link = new("--link") { Description = $"GB a second into rank 0, and out of it (on one node as fast as copies; on several {TenGigabits.ToString(CultureInfo.InvariantCulture)})", HelpName = "X" };
        Option<string> bench = new("--bench") { Description = "what `bench --json` has printed on the machine in question (a short measurement of this one)", HelpName = "FILE" };
        Option<bool> json = new("--json") { Description = "the same as data" };
        Command command = new("plan", "Say when DETOX pays: captured and void groups, costs, alternatives, for q Byzantine ranks.") { byzantine, faultRate };
        TrainOptionSet options = new(command, TrainOption.All.Where(option => _ofTrain.Contains(option.Name)));
        foreach (Option option in (Option[])[parameters, nodes, cores, link, bench, json]) command.Add(option);
        command.SetAction(parsed =>
        {
            TrainOptions read = options.Read(parsed, new TrainOptions()).Resolve(launchedRanks: null, cores: 1);
            int p = read.Ranks!.Value;
            GroupTable.CheckForm(p, read.GroupSize);
            int[] counts = Counts(parsed.GetValue(byzantine) ?? $"{read.Byzantine}");
            foreach (int q in counts) GroupTable.CheckByzantine(p, q);
            double rate = parsed.GetValue(faultRate);
            Require(rate is >= 0 and <= 1, $"--fault-rate {rate}: a probability, from 0 to 1.");
            Require(read.Batch >= 1, $"--batch {read.Batch}: at least 1 sample.");
            Require(parsed.GetValue(parameters) is not < 1, $"--parameters {parsed.GetValue(parameters)}: at least 1.");
            Require(parsed.GetValue(nodes) is var on && on >= 1 && on <= p, $"--nodes {on}: between 1 and the {p} ranks.");
            Require(parsed.GetValue(cores) is not < 1, $"--cores {parsed.GetValue(cores)}: at least 1.");
            Require(parsed.GetValue(link) is null or (> 0 and < double.PositiveInfinity), $"--link {parsed.GetValue(link)}: a positive number of GB a second.");
            Scheme scheme = SchemeOf(read);
            Workload workload = parsed.GetValue(parameters) is { } d ? Workload.Of(d) : Workload.Of(read);
            Machine machine = MachineOf(parsed.GetValue(bench), read, workload);
            double linkBytes = parsed.GetValue(link) * 1e9 ?? (on == 1 ? machine.Memory / 2 : TenGigabits * 1e9);
            PlanSetting setting = new(workload, read.Batch, read.Placement, read.Seed, rate, on, parsed.GetValue(cores) ?? p, linkBytes, machine);
            List<Plan> plans = [.. counts.Select(q => Plan.Of(scheme, q, setting))];
            if (parsed.GetValue(json)) Console.WriteLine(PlanJson.Write(scheme, setting, plans));
            else PlanTable.Print(scheme, setting, plans);
            return (int)ExitCode.Done;
        });
        return command;
    }

    /// <summary>Reads "5", "0..10", "0..100:10", and several of these with commas; each number once, ascending.</summary>
    private static int[] Counts(string text)
    {
        SortedSet<int> counts = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split("..");
            string[] last = ends[^1].Split(':');
            int by = 1;
            bool isRange = ends.Length == 2 && last.Length <= 2;
            bool isRead = Number(isRange ? ends[0] : part, out int from) & Number(isRange ? last[0] : part, out int to) && (last.Length == 1 || (isRange && Number(last[1], out by)));
            Require(isRead && from <= to && by >= 1, $"--byzantine {text}: expected numbers as 5, ranges as 0..10 or 0..100:10, or several with commas, found '{part}'.");
            for (long q = from; q <= to; q += by) counts.Add((int)q);
        }

        return [.. counts];

        static bool Number(string text, out int value) => int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);
    }

    private static Scheme SchemeOf(TrainOptions options)
    {
        Scheme scheme = new(options.Ranks!.Value, options.GroupSize, options.Within, options.Across, options.Pre, options.Buckets!.Value);
        Require(options.Buckets >= 1 && options.Buckets <= scheme.Groups, $"--buckets {options.Buckets}: between 1 and the {scheme.Groups} groups.");
        Check("--within", () => AggregationRule.Parse(options.Within, 0));
        Check("--across", () => AggregationRule.Parse(options.Across, 0));
        Check("--pre", () => scheme.Rules(0));
        Check("--placement", () => Placement.Known.Find(options.Placement));
        return scheme;

        static void Check(string option, Func<object> read)
        {
            try
            {
                read();
            }
            catch (FormatException error)
            {
                throw new DetoxException(ExitCode.Usage, $"{option}: {error.Message}");
            }
        }
    }

    private static Machine MachineOf(string? bench, TrainOptions options, Workload workload)
    {
        IReadOnlyList<Measurement> measurements = bench is null ? Benchmarks.Briefly(workload.Model, options.Batch, workload.Shape, options.Ballot) : BenchFile.Read(bench);
        try
        {
            return Machine.Of(measurements, workload.Model ?? "", options.Batch, options.Ballot.ToString().ToLowerInvariant(), bench ?? "a short measurement of this machine");
        }
        catch (FormatException error)
        {
            throw new DetoxException(ExitCode.Usage, $"--bench {bench}: {error.Message}.");
        }
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds) throw new DetoxException(ExitCode.Usage, problem);
    }
}

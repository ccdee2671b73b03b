using System.CommandLine;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Mpi.Data;
using Detox.Mpi.Training;

namespace Detox.Mpi.Commands;

/// <summary>aggregate: what one rule makes of the vectors in a file, for other programs to use and to check.</summary>
internal static class AggregateCommand
{
    public static Command Create()
    {
        Option<string> rule = new("--rule") { Description = $"what joins the rows:{AggregationRule.Known.Lines()}", HelpName = "RULE", Required = true };
        Option<string[]> before = new("--pre") { Description = $"what becomes of the rows before; several are applied in their order:{PreRule.Known.Lines()}", HelpName = "PRE", DefaultValueFactory = _ => [] };
        Option<string> input = new("--input") { Description = "the vectors: the rows of a .csv without a header, or of a .npy of float32 or float64", HelpName = "FILE", Required = true };
        Option<string> output = new("--output") { Description = "where the result goes, one number a line, or as .npy (standard output)", HelpName = "FILE" };
        Option<int> f = new("--f") { Description = "rows that rules and pre-rules are to withstand, where they do not say it themselves (0)", HelpName = "F" };
        Option<ulong> seed = new("--seed") { Description = "seed of what is random: buckets, coordinates", HelpName = "N", DefaultValueFactory = _ => 1 };
        Option<string> device = new("--device") { Description = "cpu, cuda, opencl or simulator", HelpName = "DEVICE", DefaultValueFactory = _ => "cpu" };
        Option<int> threads = new("--threads") { Description = "threads of the CPU", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount };
        Command command = new("aggregate", "Apply one rule to the vectors in a file.") { rule, before, input, output, f, seed, device, threads };
        command.SetAction(parsed =>
        {
            Require(parsed.GetValue(f) >= 0, $"--f {parsed.GetValue(f)}: 0 or more.");
            Require(parsed.GetValue(threads) >= 1, $"--threads {parsed.GetValue(threads)}: at least 1.");
            using AggregationRule parsedRule = Parse(parsed.GetValue(before)!, parsed.GetValue(rule)!, parsed.GetValue(f));
            string choice = parsed.GetValue(device)!;
            if (DeviceChoice.Problem(choice) is { } problem) throw new DetoxException(ExitCode.Usage, problem);
            float[][] rows = MatrixFile.Read(parsed.GetValue(input)!);
            using Device opened = DeviceChoice.Open(choice, parsed.GetValue(threads), rank: 0, localRank: 0);
            MatrixFile.Write(parsed.GetValue(output), Aggregate(opened, parsedRule, rows, parsed.GetValue(seed)));
            return (int)ExitCode.Done;
        });
        return command;
    }

    /// <summary>A rule behind pre-rules; what is wrong with their texts is said as other options' errors are.</summary>
    public static AggregationRule Parse(IReadOnlyList<string> before, string rule, int f)
    {
        try
        {
            return AggregationRule.Parse(before, rule, f);
        }
        catch (FormatException error)
        {
            throw new DetoxException(ExitCode.Usage, error.Message);
        }
    }

    private static float[] Aggregate(Device device, AggregationRule rule, float[][] rows, ulong seed)
    {
        if (rows.Length < rule.RowsNeeded)
            Console.Error.WriteLine($"detox: warning: {rule.Name} promises nothing here: that takes {rule.RowsNeededText}, and there are {rows.Length}.");
        int width = rows[0].Length;
        using DeviceBuffer memory = device.Allocate((long)rows.Length * width), result = device.Allocate(width);
        for (int i = 0; i < rows.Length; i++) device.Write(rows[i], memory.All.Slice((long)i * width, width));
        try
        {
            rule.Aggregate(device, Rows.Regular(memory.All, width, width, new long[rows.Length]), result.All, seed);
        }
        catch (ArgumentException error)
        {
            throw new DetoxException(ExitCode.Usage, error.Message);
        }

        float[] vector = new float[width];
        device.Read(result.All, vector);
        return vector;
    }

    private static void Require(bool holds, string problem)
    {
        if (!holds) throw new DetoxException(ExitCode.Usage, problem);
    }
}

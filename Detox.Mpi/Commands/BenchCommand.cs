using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;
using Spectre.Console;

namespace Detox.Mpi.Commands;

/// <summary>bench: what this machine does with the gradients, steps, products, rules and ballots of a run.</summary>
internal static class BenchCommand
{
    private const int RedirectedWidth = 140;

    public static Command Create()
    {
        Option<bool> json = new("--json") { Description = "an array of {name, case, threads, seconds (median), gflops, bytes_per_second, share_of_peak, ratio_to_pure, launches, waits, bytes_copied}" };
        Option<string> only = new("--only") { Description = "measure only names that begin so: gradient, step (and with it steps: those of whole runs, five rounds of some minutes), gemm, rule, aggregate, ballot, kernel, layer", HelpName = "NAME" };
        Option<int[]> threads = new("--threads")
        {
            Description = "threads to measure with; may be given several times (1 and all)",
            HelpName = "N",
            DefaultValueFactory = _ => Environment.ProcessorCount == 1 ? [1] : [1, Environment.ProcessorCount],
        };
        Option<string> device = new("--device")
        {
            Description = "cpu, cuda, opencl or simulator: a GPU is measured beside one CPU device with all threads, with the ratio",
            HelpName = "DEVICE",
            DefaultValueFactory = _ => "cpu",
        };
        Option<string> data = new("--data")
        {
            Description = "what steps of whole runs train on, as train's --data; the built-in sets are drawn while they train, which takes its time",
            HelpName = "DATA",
            DefaultValueFactory = _ => "digits",
        };
        Command command = new("bench", "Time gradients, steps, matrix products, rules, ballots, every op and the layers of networks on this machine.") { json, only, threads, device, data };
        command.SetAction(parsed =>
        {
            int[] counts = parsed.GetValue(threads)!;
            if (counts.FirstOrDefault(n => n < 1, 1) is var bad and < 1)
                throw new DetoxException(ExitCode.Usage, $"--threads {bad}: at least 1.");
            string choice = parsed.GetValue(device)!;
            if (DeviceChoice.Problem(choice) is { } problem) throw new DetoxException(ExitCode.Usage, problem);
            return (int)Execute(parsed.GetValue(json), parsed.GetValue(only) ?? "", counts, choice, parsed.GetValue(data)!);
        });
        return command;
    }

    private static ExitCode Execute(bool json, string only, int[] threads, string device, string data)
    {
        List<Measurement> measurements = [];
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn("name")
            .AddColumn(new TableColumn("case").NoWrap())
            .AddColumn(new TableColumn("threads").RightAligned())
            .AddColumn(new TableColumn("median").RightAligned().NoWrap())
            .AddColumn(new TableColumn("GFLOP/s").RightAligned())
            .AddColumn(new TableColumn("GB/s").RightAligned())
            .AddColumn(new TableColumn("of peak").RightAligned())
            .AddColumn(new TableColumn("x pure").RightAligned());
        Dictionary<string, double> cpuSeconds = [];
        bool compares = device != "cpu";
        if (compares)
        {
            // The CPU device first, with all its threads: what the other one is compared with.
            foreach (Measurement m in Benchmarks.Run("cpu", only, [Environment.ProcessorCount], data)) cpuSeconds[m.Case] = m.Seconds;
            table.AddColumn(new TableColumn("to CPU").RightAligned())
                .AddColumn(new TableColumn("launches").RightAligned())
                .AddColumn(new TableColumn("waits").RightAligned())
                .AddColumn(new TableColumn("MB copied").RightAligned());
        }

        foreach (Measurement m in Benchmarks.Run(device, only, compares ? [1] : threads, data))
        {
            measurements.Add(m);
            List<string> row = [m.Name, m.Case, m.Threads.ToString(CultureInfo.InvariantCulture), Time(m.Seconds), Rate(m.Gflops), Rate(m.BytesPerSecond / 1e9), Share(m.ShareOfPeak), m.OfPure?.ToString("F2", CultureInfo.InvariantCulture) ?? ""];
            if (compares)
            {
                row.Add((cpuSeconds[m.Case] / m.Seconds).ToString("F3", CultureInfo.InvariantCulture));
                row.AddRange(m.Work is { } work ? [$"{work.Launches}", $"{work.Waits}", (work.BytesCopied / 1e6).ToString("F3", CultureInfo.InvariantCulture)] : ["", "", ""]);
            }

            table.AddRow([.. row]);
        }

        if (measurements.Count == 0)
            throw new DetoxException(ExitCode.Usage, $"--only {only}: there is no such measurement; there are {string.Join(", ", Benchmarks.Names)}.");
        if (json) Console.WriteLine(Json(measurements));
        else
        {
            // A file and a log have room for whole lines.
            if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, RedirectedWidth);
            AnsiConsole.Write(table);
        }

        return ExitCode.Done;
    }

    private static string Json(IEnumerable<Measurement> measurements)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter writer = new(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartArray();
            foreach (Measurement m in measurements)
            {
                writer.WriteStartObject();
                writer.WriteString("name", m.Name);
                writer.WriteString("case", m.Case);
                writer.WriteNumber("threads", m.Threads);
                writer.WriteNumber("seconds", m.Seconds);
                StepLine.WriteFinite(writer, "gflops", m.Gflops ?? double.NaN);
                StepLine.WriteFinite(writer, "bytes_per_second", m.BytesPerSecond ?? double.NaN);
                StepLine.WriteFinite(writer, "share_of_peak", m.ShareOfPeak ?? double.NaN);
                StepLine.WriteFinite(writer, "ratio_to_pure", m.OfPure ?? double.NaN);
                StepLine.WriteFinite(writer, "launches", m.Work?.Launches ?? double.NaN);
                StepLine.WriteFinite(writer, "waits", m.Work?.Waits ?? double.NaN);
                StepLine.WriteFinite(writer, "bytes_copied", m.Work?.BytesCopied ?? double.NaN);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Time(double seconds)
        => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e3:F3} ms");

    private static string Share(double? share)
        => share is { } known ? known.ToString("P0", CultureInfo.InvariantCulture) : "";

    private static string Rate(double? rate)
        => rate is { } known ? known.ToString("F1", CultureInfo.InvariantCulture) : "";
}

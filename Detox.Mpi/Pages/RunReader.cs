using System.Globalization;
using System.Text.Json;
using Detox.Mpi.Reports;
using Detox.Mpi.Training;

namespace Detox.Mpi.Pages;

/// <summary>Reads the folder of a run, whether it has ended or not.</summary>
internal static class RunReader
{
    public static bool IsRun(string folder) => File.Exists(Path.Combine(folder, RunFolder.Config));

    /// <exception cref="InvalidDataException">A file is missing or is not as a run writes it: the message names it.</exception>
    public static RunFacts Read(string folder)
    {
        try
        {
            string config = Path.Combine(folder, RunFolder.Config);
            TrainOptions options = ConfigFile.Parse(File.ReadAllText(config), config).Resolve(launchedRanks: null, cores: 1);
            RunFacts run = new(folder, options, [.. StepLog.Read(folder).Select(Step)], [.. Evaluations(folder)], [.. BlameLog.Read(folder).Select(Fault)], Hosts(folder), End(folder));
            return run.Method.Length > 0 ? run : throw new FormatException("a method");
        }
        catch (FormatException error)
        {
            throw new InvalidDataException($"{Path.Combine(folder, RunFolder.Config)}: {error.Message.TrimEnd('.')}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DetoxException)
        {
            throw new InvalidDataException(error.Message.TrimEnd('.'), error);
        }
    }

    private static StepFacts Step(LoggedStep logged)
    {
        StepRecord step = logged.Record;
        return new StepFacts(step.Step, step.Loss, step.LearningRate, step.Seconds, step.VectorBytes, step.Roots.Count(root => root is not null), step.Voids.Count, step.Skipped is not null, step.Variance);
    }

    private static BlameFacts Fault((Blame Blame, string Line) read) => new(read.Blame, read.Line.Split('"') is [_, var parameter, _] ? parameter : "");

    private static IEnumerable<EvaluationFacts> Evaluations(string folder)
    {
        string path = Path.Combine(folder, RunFolder.Evaluations);
        int number = 1;
        foreach (string line in File.ReadLines(path).Skip(1))
        {
            number++;
            string[] fields = line.Split(',');
            if (fields.Length != 4 || !long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out long step)
                || !Number(fields[1], out double seconds) || !Number(fields[2], out double accuracy) || !Number(fields[3], out double loss))
                throw new InvalidDataException($"{path}, line {number}: expected step, seconds, accuracy and loss, found '{line}'");
            yield return new EvaluationFacts(step, seconds, accuracy, loss);
        }
    }

    /// <summary>A run that could not write it goes without.</summary>
    private static string[] Hosts(string folder)
    {
        string path = Path.Combine(folder, RunFolder.RanksFile);
        return File.Exists(path) ? [.. File.ReadLines(path).Skip(1).Select(line => line.Split(',') is [_, var host, _] ? host : "")] : [];
    }

    private static EndFacts? End(string folder)
    {
        string path = Path.Combine(folder, RunFolder.Result);
        if (!File.Exists(path)) return null;
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement, versions = root.GetProperty("versions");
            return new EndFacts(
                root.GetProperty("accuracy").GetDouble(),
                root.GetProperty("loss") is { ValueKind: JsonValueKind.Number } loss ? loss.GetDouble() : double.NaN,
                root.GetProperty("seconds").GetDouble(),
                root.GetProperty("median_step_seconds").GetDouble(),
                root.GetProperty("peak_bytes_of_a_rank").GetInt64(),
                root.TryGetProperty("diverged_at_step", out JsonElement step) ? step.GetInt64() : null,
                Text(root, "weights_sha256"), Text(root, "device"), Text(versions, "messaging"), Text(versions, "detox"))
            {
                Ranks = root.TryGetProperty("ranks", out JsonElement ranks) ? [.. ranks.EnumerateObject().Select(Ranks)] : [],
            };
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new InvalidDataException($"{path}: expected a result as a run writes it: {error.Message.TrimEnd('.')}", error);
        }

        static string Text(JsonElement of, string name) => of.GetProperty(name).GetString() ?? "";

        static RankFacts Ranks(JsonProperty of) => new(of.Name, of.Value.GetProperty("least").GetDouble(), of.Value.GetProperty("mean").GetDouble(), of.Value.GetProperty("most").GetDouble());
    }

    private static bool Number(string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}

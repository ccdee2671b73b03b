using System.Globalization;
using System.Text.Json;
using Detox.Mpi;
using Detox.Mpi.Commands;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>A run's folder as a test reads it.</summary>
internal sealed record RunFiles(string Folder)
{
    public JsonElement Result { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "result.json"))).RootElement;

    public string Weights => Result.GetProperty("weights_sha256").GetString()!;

    public double Accuracy => Result.GetProperty("accuracy").GetDouble();

    /// <summary>The rows of blame.csv, split at the commas outside of quotes.</summary>
    public IReadOnlyList<string[]> Blame => [.. File.ReadLines(Path.Combine(Folder, "blame.csv")).Skip(1).Select(Split)];

    public IReadOnlyList<JsonElement> Steps => [.. File.ReadLines(Path.Combine(Folder, "steps.jsonl")).Select(line => JsonDocument.Parse(line).RootElement)];

    public static float Number(string text) => float.Parse(text, CultureInfo.InvariantCulture);

    private static string[] Split(string line)
    {
        List<string> fields = [""];
        bool quoted = false;
        foreach (char c in line)
        {
            if (c == '"') quoted = !quoted;
            else if (c == ',' && !quoted) fields.Add("");
            else fields[^1] += c;
        }

        return [.. fields];
    }
}

/// <summary>Runs a training in the test's own process, on the in-process communicator.</summary>
internal static class TrainInProcess
{
    /// <summary>A run small enough for a test: nine ranks in groups of three, softmax regression, four steps.</summary>
    public static TrainOptions Small { get; } = new()
    {
        Ranks = 9,
        Byzantine = 0,
        Attack = "none",
        Model = "softmax",
        Batch = 8,
        Steps = 4,
        LearningRate = 0.01f,
        EvaluateEvery = 0,
    };

    public static RunFiles Run(TrainOptions options, ExitCode expected = ExitCode.Done)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        TrainOptions resolved = (options with { Out = folder, Name = "run" }).Resolve(launchedRanks: null, cores: 2);
        Assert.That(resolved.Validate(), Is.Empty);
        Assert.That(TrainCommand.ExecuteInProcess(resolved), Is.EqualTo(expected));
        return new RunFiles(Path.Combine(folder, "run"));
    }
}

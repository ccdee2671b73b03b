using System.Text.Json;
using Detox.Gpu.Digests;
using Detox.Mpi.Training;

namespace Detox.Mpi.Reports;

/// <summary>A step as steps.jsonl has it.</summary>
internal static class StepLine
{
    private static readonly Phase[] _phases = Enum.GetValues<Phase>();

    /// <param name="blameSha256">The digest of blame.csv with the faults that came to light in this step, 64 digits.</param>
    public static void Write(Utf8JsonWriter json, StepRecord step, ReadOnlySpan<byte> blameSha256)
    {
        json.WriteStartObject();
        json.WriteNumber("step", step.Step);
        WriteFinite(json, "loss", step.Loss);
        WriteFinite(json, "learning_rate", step.LearningRate);
        if (double.IsFinite(step.Variance)) json.WriteNumber("variance", step.Variance);
        json.WriteStartObject("seconds");
        foreach (Phase phase in _phases) json.WriteNumber(RunSummary.Name(phase), Math.Round(step.Seconds[(int)phase], 6));
        json.WriteEndObject();
        json.WriteNumber("vector_bytes", step.VectorBytes);
        WriteNumbers(json, "voids", step.Voids);
        WriteNumbers(json, "void_by_time", step.VoidsByTime);
        WriteNumbers(json, "missing", step.Missing);
        json.WriteStartArray("dissenters");
        for (int i = 0; i < step.Blames.Count; i++)
            if (step.IsFirstOfItsRank(i)) json.WriteNumberValue(step.Blames[i].Rank);
        json.WriteEndArray();
        if (step.Skipped is not null) json.WriteString("skipped", step.Skipped);
        Span<byte> digits = stackalloc byte[2 * Ballot.Bytes];
        step.Weights.Write(digits);
        json.WriteString("weights", digits);
        json.WriteStartArray("roots");
        foreach (Ballot? root in step.Roots)
        {
            if (root is not { } ballot)
            {
                json.WriteNullValue();
                continue;
            }

            ballot.Write(digits);
            json.WriteStringValue(digits);
        }

        json.WriteEndArray();
        json.WriteString("blame", blameSha256);
        json.WriteEndObject();
        json.Flush();
    }

    /// <summary>Reads a line into a record, all but the faults; returns the digest of blame.csv behind it.</summary>
    /// <exception cref="FormatException">The line is none of these: the message says what was expected.</exception>
    public static string Read(ReadOnlyMemory<byte> line, StepRecord step)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement root = document.RootElement;
            step.Clear(root.GetProperty("step").GetInt64());
            step.Loss = Number(root.GetProperty("loss"));
            step.LearningRate = Number(root.GetProperty("learning_rate"));
            if (root.TryGetProperty("variance", out JsonElement variance)) step.Variance = variance.GetDouble();
            foreach (Phase phase in _phases)
                if (root.GetProperty("seconds").TryGetProperty(RunSummary.Name(phase), out JsonElement seconds)) step.Seconds[(int)phase] = seconds.GetDouble();
            step.VectorBytes = root.GetProperty("vector_bytes").GetInt64();
            foreach (JsonElement group in root.GetProperty("voids").EnumerateArray()) step.Voids.Add(group.GetInt32());
            foreach (JsonElement group in root.GetProperty("void_by_time").EnumerateArray()) step.VoidsByTime.Add(group.GetInt32());
            foreach (JsonElement rank in root.GetProperty("missing").EnumerateArray()) step.Missing.Add(rank.GetInt32());
            if (root.TryGetProperty("skipped", out JsonElement skipped)) step.Skipped = skipped.GetString();
            step.Weights = Digest(root.GetProperty("weights"));
            foreach (JsonElement group in root.GetProperty("roots").EnumerateArray()) step.Roots.Add(group.ValueKind == JsonValueKind.Null ? null : Digest(group));
            return root.GetProperty("blame").GetString() ?? throw new FormatException("a digest as 'blame'");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new FormatException("a step as this program writes it", error);
        }
    }

    public static void WriteFinite(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value)) json.WriteNumber(name, value);
        else json.WriteNull(name);
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, List<int> numbers)
    {
        json.WriteStartArray(name);
        foreach (int number in numbers) json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    private static float Number(JsonElement value) => value.ValueKind == JsonValueKind.Null ? float.NaN : value.GetSingle();

    private static Ballot Digest(JsonElement value) => Ballot.Parse(value.GetString() ?? "") ?? throw new FormatException("a digest of 64 hexadecimal digits");
}

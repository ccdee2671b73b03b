using System.Text.Json;

namespace Detox.Mpi.Commands;

/// <summary>What bench --json has printed.</summary>
internal static class BenchFile
{
    /// <exception cref="DetoxException">The file cannot be read, or is not what bench prints: the message says where.</exception>
    public static IReadOnlyList<Measurement> Read(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"--bench {path}: the file cannot be read: {error.Message}", error);
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (document.RootElement is not { ValueKind: JsonValueKind.Array } array || array.GetArrayLength() == 0) throw Wrong(path, "an empty or another value");
            return [.. array.EnumerateArray().Select((one, index) => Read(one) ?? throw Wrong(path, $"another value as entry {index}"))];
        }
        catch (JsonException error)
        {
            throw Wrong(path, $"no JSON ({error.Message})");
        }
    }

    private static Measurement? Read(JsonElement one)
    {
        if (one.ValueKind != JsonValueKind.Object || Text("name") is not { } name || Text("case") is not { } of || Number("threads") is not { } threads || Number("seconds") is not { } seconds)
            return null;
        return new Measurement(name, of, (int)threads, seconds, Number("gflops"), Number("bytes_per_second"));

        string? Text(string property) => one.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

        double? Number(string property) => one.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
    }

    private static DetoxException Wrong(string path, string found)
        => new(ExitCode.Usage, $"--bench {path}: expected the array that `bench --json` prints, found {found}.");
}

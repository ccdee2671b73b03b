using System.Text.Json;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Sweeps;

/// <summary>What a finished cell's result.json says, as text where the table has it.</summary>
/// <param name="Columns">The values of <see cref="Names"/>, as the file has them; empty where it says nothing.</param>
/// <param name="Accuracy">0 to 1.</param>
/// <param name="Loss">Not a number where training diverged.</param>
/// <param name="Seconds">That the run trained, its parts together.</param>
internal sealed record CellResult(IReadOnlyList<string> Columns, double Accuracy, double Loss, long Steps, double Seconds, long? DivergedAt)
{
    /// <summary>Of the columns: what does not depend on time.</summary>
    public static IReadOnlyList<string> Names { get; } = ["accuracy", "loss", "steps", "skipped_steps", "void_groups", "diverged_at_step", "weights_sha256"];

    /// <summary>Null where the cell is not finished, or its result cannot be read.</summary>
    /// <param name="folder">The cell's.</param>
    public static CellResult? Read(string folder)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, RunFolder.Result)));
            JsonElement root = document.RootElement;
            JsonElement loss = root.GetProperty("loss");
            long? divergedAt = root.TryGetProperty("diverged_at_step", out JsonElement step) ? step.GetInt64() : null;
            return new CellResult(
                [.. Names.Select(name => Text(root, name, isNeeded: name != "diverged_at_step"))],
                root.GetProperty("accuracy").GetDouble(),
                loss.ValueKind == JsonValueKind.Null ? double.NaN : loss.GetDouble(),
                root.GetProperty("steps").GetInt64(),
                root.GetProperty("seconds").GetDouble(),
                divergedAt);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    /// <summary>That of a cell with which nothing is left to do: it has its manifest, which comes last.</summary>
    public static CellResult? ReadSealed(string folder) => File.Exists(Path.Combine(folder, Manifest.FileName)) ? Read(folder) : null;

    /// <summary>Writes the manifest of a cell that was killed between its result and that.</summary>
    public static void Seal(string folder)
    {
        if (!File.Exists(Path.Combine(folder, Manifest.FileName))) RunFolder.WriteManifest(folder);
    }

    private static string Text(JsonElement root, string name, bool isNeeded)
    {
        if (!isNeeded && !root.TryGetProperty(name, out _)) return "";
        JsonElement value = root.GetProperty(name);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
    }
}

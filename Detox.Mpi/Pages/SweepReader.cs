using System.Text.Json;
using Detox.Mpi.Sweeps;

namespace Detox.Mpi.Pages;

/// <summary>Reads the folder of a sweep: sweep.json, and the run of each of its cells.</summary>
internal static class SweepReader
{
    public const string FileName = SweepFolder.Index;

    public static bool IsSweep(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>A cell whose folder is missing or damaged is one with a problem.</summary>
    /// <exception cref="InvalidDataException">sweep.json is not as a sweep writes it.</exception>
    public static SweepFacts Read(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        string path = Path.Combine(folder, FileName);
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            JsonElement root = document.RootElement;
            int format = root.GetProperty("format").GetInt32();
            if (format != SweepFolder.Format) throw new InvalidDataException($"{path}: expected format {SweepFolder.Format}, found {format}");
            return new SweepFacts(
                folder,
                root.TryGetProperty("samples", out JsonElement samples) ? samples.GetString() ?? "" : "",
                [.. root.GetProperty("dimensions").EnumerateArray().Select(Text)],
                [.. root.GetProperty("cells").EnumerateArray().Select(cell => Cell(folder, cell))]);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: expected a sweep as this program writes it: {error.Message.TrimEnd('.')}", error);
        }
    }

    public static bool HoldsRuns(string folder) => Directory.EnumerateDirectories(folder).Any(RunReader.IsRun);

    /// <summary>The runs of a folder, each a method of its folder's name.</summary>
    public static SweepFacts ReadRuns(string folder)
    {
        folder = Path.TrimEndingDirectorySeparator(folder);
        IEnumerable<string> names = Directory.EnumerateDirectories(folder).Where(RunReader.IsRun).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal);
        return new SweepFacts(folder, "as each run has them", [], [.. names.Select(Cell)]);

        CellFacts Cell(string name)
        {
            (RunFacts? run, string? problem) = Run(folder, name);
            return new CellFacts(name, name, new Dictionary<string, string>(), run, problem);
        }
    }

    private static CellFacts Cell(string sweep, JsonElement cell)
    {
        string name = Text(cell.GetProperty("folder"));
        Dictionary<string, string> values = cell.GetProperty("values").EnumerateObject().ToDictionary(value => value.Name, value => Text(value.Value));
        (RunFacts? run, string? problem) = Run(sweep, name);
        return new CellFacts(name, Text(cell.GetProperty("method")), values, run, problem);
    }

    /// <summary>A problem names files as the sweep's folder holds them.</summary>
    private static (RunFacts? Run, string? Problem) Run(string sweep, string name)
    {
        string folder = Path.Combine(sweep, name);
        if (!RunReader.IsRun(folder)) return (null, Directory.Exists(folder) ? "its folder holds no run" : "it has not begun");
        try
        {
            return (RunReader.Read(folder), null);
        }
        catch (InvalidDataException error)
        {
            return (null, error.Message.Replace(sweep + Path.DirectorySeparatorChar, "", StringComparison.Ordinal));
        }
    }

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
}

using System.Text;
using System.Text.Json;
using Detox.Mpi.Checkpoints;
using Detox.Mpi.Reports;

namespace Detox.Mpi.Sweeps;

/// <summary>The files of a sweep beside its cells: sweep.json, which says what the cells are, and table.csv, what came of them.</summary>
/// <remarks>Several processes may write them, one at a time. Neither says anything that depends on time.</remarks>
internal sealed class SweepFolder(string path)
{
    public const string Index = "sweep.json", Table = "table.csv";

    public const int Format = 1;

    private const string LockFile = ".lock";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly JsonWriterOptions _indented = new() { Indented = true, NewLine = "\n" };

    public string TablePath => Path.Combine(path, Table);

    /// <summary>Makes the folder, and sweep.json in it.</summary>
    /// <exception cref="DetoxException">They cannot be written.</exception>
    public void Begin(SweepGrid grid, IReadOnlyList<SweepCell> cells)
    {
        byte[] index = IndexOf(grid, cells);
        string file = Path.Combine(path, Index);
        Locked(() =>
        {
            if (!File.Exists(file) || !File.ReadAllBytes(file).AsSpan().SequenceEqual(index)) Durable.Replace(file, index);
        });
    }

    /// <summary>Writes table.csv of all results that are there.</summary>
    /// <exception cref="DetoxException">It cannot be written.</exception>
    public void WriteTable(SweepGrid grid, IReadOnlyList<SweepCell> cells) => Locked(() => Durable.Replace(TablePath, TableOf(grid, cells)));

    /// <summary>Folders of cells that the sweep does not have: those of other options, data or builds.</summary>
    public int Others(IReadOnlyList<SweepCell> cells)
    {
        if (!Directory.Exists(path)) return 0;
        HashSet<string> own = [.. cells.Select(cell => cell.Folder), RunFolder.Report];
        return Directory.EnumerateDirectories(path).Count(folder => !own.Contains(Path.GetFileName(folder)));
    }

    private byte[] TableOf(SweepGrid grid, IReadOnlyList<SweepCell> cells)
    {
        Pages.Table table = new(
            path,
            ["folder", "method", .. grid.Dimensions.Select(dimension => dimension.Option.Name), .. CellResult.Names],
            [.. cells.Select(Row)]);
        return Encoding.UTF8.GetBytes(table.Csv());

        IReadOnlyList<string> Row(SweepCell cell)
            => [cell.Folder, cell.Method, .. cell.Values, .. CellResult.Read(Path.Combine(path, cell.Folder))?.Columns ?? CellResult.Names.Select(_ => "")];
    }

    private static byte[] IndexOf(SweepGrid grid, IReadOnlyList<SweepCell> cells)
    {
        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, _indented))
        {
            json.WriteStartObject();
            json.WriteNumber("format", Format);
            json.WriteString("samples", grid.RuleName);
            json.WriteStartArray("dimensions");
            foreach (Dimension dimension in grid.Dimensions) json.WriteStringValue(dimension.Option.Name);
            json.WriteEndArray();
            json.WriteStartArray("cells");
            foreach (SweepCell cell in cells)
            {
                json.WriteStartObject();
                json.WriteString("folder", cell.Folder);
                json.WriteString("method", cell.Method);
                json.WriteStartObject("values");
                for (int i = 0; i < cell.Values.Count; i++) json.WriteString(grid.Dimensions[i].Option.Name, cell.Values[i]);
                json.WriteEndObject();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        stream.Write("\n"u8);
        return stream.ToArray();
    }

    /// <summary>Does something while no other process of the sweep does.</summary>
    private void Locked(Action action)
    {
        try
        {
            Directory.CreateDirectory(path);
            using FileStream held = Lock();
            action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"--out {path}: the folder cannot be written: {error.Message}", error);
        }
    }

    private FileStream Lock()
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(Path.Combine(path, LockFile), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None);
            }
            catch (IOException) when (System.Diagnostics.Stopwatch.GetElapsedTime(start) < _patience)
            {
                Thread.Sleep(50);
            }
        }
    }
}

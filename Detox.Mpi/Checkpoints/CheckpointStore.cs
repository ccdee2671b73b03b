using System.Globalization;

namespace Detox.Mpi.Checkpoints;

/// <summary>The checkpoints folder of a run: the last two checkpoints, each a folder named by its step, and how often each was tried.</summary>
/// <remarks>A checkpoint has its name when all of it is on the disk. A try is an empty file beside it, so that no byte of a checkpoint ever changes.</remarks>
internal sealed class CheckpointStore(string runFolder)
{
    public const int Kept = 2;
    public const int MostTries = 3;

    private const string DraftPrefix = ".part-";
    private const string TriedPrefix = ".tried-";
    private const string DamagedSuffix = ".damaged";
    private const string NameFormat = "D8";

    public string Path { get; } = System.IO.Path.Combine(runFolder, "checkpoints");

    public static string NameOf(long step) => step.ToString(NameFormat, CultureInfo.InvariantCulture);

    public string PathOf(long step) => System.IO.Path.Combine(Path, NameOf(step));

    public bool Has(long step) => Directory.Exists(PathOf(step));

    /// <summary>The steps of all that are there, the newest first.</summary>
    public IReadOnlyList<long> Steps()
    {
        if (!Directory.Exists(Path)) return [];
        return [.. Directory.EnumerateDirectories(Path)
            .Select(folder => long.TryParse(System.IO.Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out long step) && NameOf(step) == System.IO.Path.GetFileName(folder) ? step : -1)
            .Where(step => step >= 0).OrderDescending()];
    }

    /// <summary>An empty folder to write a checkpoint in.</summary>
    public string Draft(long step)
    {
        string draft = DraftOf(step);
        if (Directory.Exists(draft)) Directory.Delete(draft, recursive: true);
        return Directory.CreateDirectory(draft).FullName;
    }

    /// <summary>Gives the draft its name, and lets the checkpoints go that are older than the last two.</summary>
    public void Commit(long step)
    {
        Durable.SyncFolder(DraftOf(step));
        Directory.Move(DraftOf(step), PathOf(step));
        Durable.SyncFolder(Path);
        foreach (long old in Steps().Where(saved => saved <= step).Skip(Kept))
        {
            // It loses its name first: whoever is killed meanwhile leaves no half of a checkpoint behind.
            Discard(old);
            Directory.Move(PathOf(old), DraftOf(old));
            Discard(old);
        }
    }

    public void Discard(long step)
    {
        if (Directory.Exists(DraftOf(step))) Directory.Delete(DraftOf(step), recursive: true);
    }

    /// <summary>Puts a checkpoint aside that cannot be used, so that its step can be saved again.</summary>
    public void PutAside(long step)
    {
        string aside = PathOf(step) + DamagedSuffix;
        if (Directory.Exists(aside)) Directory.Delete(aside, recursive: true);
        Directory.Move(PathOf(step), aside);
    }

    /// <summary>Deletes what a run that was killed has left behind.</summary>
    public void Tidy()
    {
        if (!Directory.Exists(Path)) return;
        foreach (string draft in Directory.EnumerateDirectories(Path, DraftPrefix + "*")) Directory.Delete(draft, recursive: true);
    }

    /// <summary>How often the run went on from this step.</summary>
    public int Tries(long step) => Directory.Exists(Path) ? Directory.EnumerateFiles(Path, $"{TriedPrefix}{NameOf(step)}-*").Count() : 0;

    public void NoteTry(long step)
    {
        Directory.CreateDirectory(Path);
        using (File.Create(System.IO.Path.Combine(Path, string.Create(CultureInfo.InvariantCulture, $"{TriedPrefix}{NameOf(step)}-{Tries(step) + 1}"))))
        {
            // Its name is all that it says.
        }

        Durable.SyncFolder(Path);
    }

    /// <summary>The run has ended as it should, or has come further.</summary>
    public void ForgetTries()
    {
        if (!Directory.Exists(Path)) return;
        foreach (string tried in Directory.EnumerateFiles(Path, TriedPrefix + "*")) File.Delete(tried);
    }

    private string DraftOf(long step) => System.IO.Path.Combine(Path, DraftPrefix + NameOf(step));
}

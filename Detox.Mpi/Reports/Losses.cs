namespace Detox.Mpi.Reports;

/// <summary>What a run could not write. A report gives way to the training: it is said once, and the exit code remembers it.</summary>
/// <remarks>Only the first loss is said at once. A full disk takes one file after the other, and the cause is the same.</remarks>
internal sealed class Losses(Action<string> warn)
{
    private readonly List<string> _names = [];

    /// <summary>The files that are incomplete, in the order in which they were lost.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>Whether an exception of a write says that the system refused it. A file over the greatest length that its
    /// system or the user's limit allows is an argument out of range.</summary>
    public static bool Covers(Exception error) => error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException;

    /// <summary>Does what nobody misses where it fails: tidying up after a failure, which is what is said, or a line of a log on a full disk.</summary>
    public static void PassOver(Action action)
    {
        try
        {
            action();
        }
        catch (Exception error) when (Covers(error))
        {
        }
    }

    /// <param name="name">The file as the user may find it.</param>
    /// <param name="consequence">What has become of it: "it ends with its last whole line".</param>
    public void Add(string name, Exception error, string consequence)
    {
        if (_names.Contains(name)) return;
        _names.Add(name);
        if (_names.Count > 1) return;

        // The runtime's messages end with the full path, which has been said.
        string reason = error.Message.Replace($" : '{Path.GetFullPath(name)}'", "", StringComparison.Ordinal);
        warn($"{name} cannot be written: {reason}; {consequence}. The training is unharmed, but the exit code will be {(int)ExitCode.Unexpected}.");
    }
}

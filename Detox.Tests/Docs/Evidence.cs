using System.Globalization;
using System.Text.RegularExpressions;

namespace Detox.Tests.Docs;

/// <summary>A file that a command has made: its numbers and its lines.</summary>
/// <param name="Path">Below the repository, with slashes.</param>
internal sealed partial record EvidenceFile(string Path, double[] Numbers, string[] Lines)
{
    public static EvidenceFile Read(string root, string path)
    {
        string text = File.ReadAllText(System.IO.Path.Combine(root, path));
        IEnumerable<string> numbers = Plain().Matches(text).Select(match => match.Value);

        // Only what is written for people groups its digits.
        if (path.EndsWith(".txt", StringComparison.Ordinal)) numbers = numbers.Concat(Grouped().Matches(text).Select(match => match.Value.Replace(",", "", StringComparison.Ordinal)));
        return new EvidenceFile(path, [.. numbers.Select(number => double.Parse(number, CultureInfo.InvariantCulture)).Distinct()], [.. text.Split('\n').Select(line => line.TrimEnd())]);
    }

    [GeneratedRegex(@"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]*\w)")]
    private static partial Regex Plain();

    [GeneratedRegex(@"(?<![\w.,])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w]|,\d)")]
    private static partial Regex Grouped();
}

/// <summary>The files below docs/results that commands have made: data and outputs. Markdown there is made of these, and proves nothing.</summary>
internal sealed class Evidence(IReadOnlyList<EvidenceFile> files)
{
    private const string Folder = "docs/results";

    private static readonly string[] _kinds = [".csv", ".json", ".jsonl", ".txt"];

    public static Evidence Read(string root)
    {
        string folder = Path.Combine(root, Folder);
        if (!Directory.Exists(folder)) return new Evidence([]);
        IEnumerable<string> paths = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(root, path).Replace('\\', '/'))
            .Where(path => path != Given.File && _kinds.Contains(Path.GetExtension(path)))
            .Order(StringComparer.Ordinal);
        return new Evidence([.. paths.Select(path => EvidenceFile.Read(root, path))]);
    }

    /// <summary>The files that are named, or lie in folders that are; all where none is.</summary>
    public IReadOnlyList<EvidenceFile> Of(IReadOnlyList<string> sources)
        => sources.Count == 0 ? files : [.. files.Where(file => sources.Any(source => file.Path == source || file.Path.StartsWith($"{source}/", StringComparison.Ordinal)))];
}

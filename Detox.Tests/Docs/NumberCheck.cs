using System.Text.RegularExpressions;

namespace Detox.Tests.Docs;

/// <summary>Holds what a page says was measured or printed to the files that commands have made.</summary>
internal sealed class NumberCheck(Evidence evidence, Given given)
{
    private const string Omission = "...", Fence = "```";

    /// <summary>What is wrong, with page, line and number.</summary>
    /// <param name="page">Its name.</param>
    /// <param name="read">The text of a file by its path below the repository; null where it is not there.</param>
    public IEnumerable<string> Problems(string page, string text, Func<string, string?> read)
    {
        foreach (Block block in MarkdownPage.Blocks(text))
        {
            if (block.File is { } copied && Difference(block, read(copied)) is { } difference) yield return $"{page}:{difference.Line}: {copied} {difference.What}";
            IReadOnlyList<EvidenceFile> files = evidence.Of(block.Sources);
            string where = block.Sources.Count == 0 ? "docs/results" : string.Join(", ", block.Sources);
            if (block.Kind == BlockKind.Output && Missing(block, files) is { } line) yield return $"{page}:{line.Number}: no file of {where} has the line '{line.Text}' behind those before it.";
            foreach (Figure figure in Figures.Of(block))
            {
                if (given.Has(figure) || files.Any(file => Array.Exists(file.Numbers, figure.Is))) continue;
                yield return $"{page}:{figure.Line}: '{figure.Text}' is in no file of {where}, and is not given in {Given.File}.";
            }
        }
    }

    private static (int Line, string What)? Difference(Block block, string? file)
    {
        if (file is null) return (block.Line, "is not there.");
        string[] expected = file.TrimEnd('\n').Split('\n');
        for (int i = 0; i < Math.Max(expected.Length, block.Lines.Count); i++)
        {
            string? found = i < block.Lines.Count ? block.Lines[i] : null, wanted = i < expected.Length ? expected[i] : null;
            if (found != wanted) return (block.Line + i, $"has '{wanted ?? "no such line"}' here; found '{found ?? "nothing"}'.");
        }

        return null;
    }

    /// <summary>The first line that no file has in the place where it should be; null where one file has all of them in their order.</summary>
    private static (int Number, string Text)? Missing(Block block, IReadOnlyList<EvidenceFile> files)
    {
        (int Number, string Text)[] lines = [.. block.Lines.Select((text, index) => (block.Line + index, text.TrimEnd())).Where(line => line.Item2.Length > 0 && !line.Item2.StartsWith(Fence, StringComparison.Ordinal))];
        int most = 0;
        foreach (EvidenceFile file in files)
        {
            int met = 0;
            foreach (string line in file.Lines)
                if (met < lines.Length && Fits(lines[met].Text, line))
                    met++;
            most = Math.Max(most, met);
        }

        return most == lines.Length ? null : lines[most];
    }

    /// <summary>Whether a line is that, but for parts of which dots stand.</summary>
    private static bool Fits(string shown, string recorded)
    {
        if (!shown.Contains(Omission, StringComparison.Ordinal)) return shown == recorded;
        return Regex.IsMatch(recorded, $"^{string.Join(".*", shown.Split(Omission).Select(Regex.Escape))}$");
    }
}

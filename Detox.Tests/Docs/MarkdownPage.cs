using System.Text.RegularExpressions;

namespace Detox.Tests.Docs;

/// <summary>Cuts a page in blocks.</summary>
/// <remarks>A comment that names files of docs/results, <c>&lt;!-- docs/results/costs docs/results/machine.txt --&gt;</c>, says where the numbers are that follow, up to the next
/// such comment or heading. Where it names one Markdown file the next block is a copy of that. Fenced lines are a program's output unless the fence names a language, or all
/// lines are commands, or a comment of another kind stands before it.</remarks>
internal static partial class MarkdownPage
{
    private const string Fence = "```", Results = "docs/results";

    public static IReadOnlyList<Block> Blocks(string text)
    {
        string[] lines = text.Split('\n');
        List<Block> blocks = [];
        IReadOnlyList<string> sources = [];
        string? copied = null;
        bool isHeldElsewhere = false;
        for (int at = 0; at < lines.Length;)
        {
            string line = lines[at];
            if (Comment().Match(line) is { Success: true } comment)
            {
                string[] names = comment.Groups["names"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                isHeldElsewhere = !names.All(name => name.StartsWith(Results, StringComparison.Ordinal));
                if (!isHeldElsewhere)
                {
                    copied = names is [var file] && file.EndsWith(".md", StringComparison.Ordinal) ? file : null;
                    sources = copied is null ? names : [Path.GetDirectoryName(copied)!];
                }

                at++;
                continue;
            }

            if (line.Length == 0)
            {
                at++;
                continue;
            }

            if (line.StartsWith('#'))
            {
                sources = [];
                at++;
                continue;
            }

            int first = at;
            BlockKind kind;
            IReadOnlyList<string> own;
            if (line.StartsWith(Fence, StringComparison.Ordinal))
            {
                at = Array.FindIndex(lines, at + 1, end => end == Fence) + 1;
                if (at == 0) throw new FormatException($"line {first + 1}: the fence has no end.");
                own = lines[first..at];
                bool isOutput = line == Fence && !isHeldElsewhere && !lines[(first + 1)..(at - 1)].All(inner => inner.Length == 0 || Command().IsMatch(inner));
                kind = isOutput ? BlockKind.Output : BlockKind.Other;
            }
            else
            {
                kind = line.StartsWith('|') ? BlockKind.Table : BlockKind.Prose;
                do at++;
                while (at < lines.Length && lines[at].Length > 0 && !Begins().IsMatch(lines[at]) && lines[at].StartsWith('|') == (kind == BlockKind.Table));
                own = lines[first..at];
            }

            blocks.Add(new Block(kind, first + 1, own, sources, copied));
            copied = null;
            isHeldElsewhere = false;
        }

        return blocks;
    }

    [GeneratedRegex(@"^<!-- (?<names>.+) -->$")]
    private static partial Regex Comment();

    /// <summary>Where another block begins without an empty line.</summary>
    [GeneratedRegex("^(```|<!-- |#+ )")]
    private static partial Regex Begins();

    [GeneratedRegex(@"^(dotnet|mpiexec|sbatch|jobs/|detox |#| {20,}#)")]
    private static partial Regex Command();
}

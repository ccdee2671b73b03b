using System.Globalization;
using System.Text;

namespace Detox.Tests.Complexity;

/// <summary>complexity.csv, and complexity.md, which says the same to people.</summary>
internal static class ComplexityTable
{
    public const string Csv = "complexity.csv";

    private const string Page = "complexity.md";

    public static IReadOnlyList<ComplexityRow> Measure()
    {
        IReadOnlyList<SourceType> types = SourceCode.Types();
        return [.. Method.All.Select(method => ComplexityRow.Of(method, types))];
    }

    /// <summary>Writes both files.</summary>
    public static int Write(string folder)
    {
        IReadOnlyList<ComplexityRow> rows = Measure();
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, Csv), string.Concat(rows.Select(row => $"{row.Csv}\n").Prepend($"{ComplexityRow.Header}\n")));
        StringBuilder page = new("""
            | method | to decide | types | lines | executable lines | cyclomatic complexity | of the vote | of the rule |
            |---|---|---|---|---|---|---|---|

            """);
        foreach (ComplexityRow row in rows)
        {
            string decisions = row.Decisions.Length == 0 ? "" : string.Join(", ", row.Decisions.Split(' ').Select(option => $"`{option}`"));
            page.Append(CultureInfo.InvariantCulture, $"| {row.Method} | {decisions} | {string.Join(" | ", row.Counts.Select(count => count.ToString("N0", CultureInfo.InvariantCulture)))} |\n");
        }

        File.WriteAllText(Path.Combine(folder, Page), page.ToString());
        return 0;
    }
}

using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Spectre.Console;

namespace Detox.Mpi.Pages;

/// <summary>A table as the console, CSV, Markdown and HTML have it.</summary>
internal sealed partial record Table(string Title, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Of the files that it has of its own, without an ending; null where it has none.</summary>
    public string? Name { get; init; }

    public void Print()
    {
        AnsiConsole.WriteLine(Title);
        Spectre.Console.Table table = new Spectre.Console.Table().Border(TableBorder.Simple);
        for (int i = 0; i < Columns.Count; i++)
        {
            TableColumn column = new(Markup.Escape(Columns[i]));
            table.AddColumn(IsNumeric(i) ? column.RightAligned() : column);
        }

        foreach (IReadOnlyList<string> row in Rows) table.AddRow([.. row.Select(Markup.Escape)]);
        AnsiConsole.Write(table);
    }

    /// <summary>RFC 4180, with plain line feeds; numbers without the commas that people read them by.</summary>
    public string Csv() => string.Concat(((IReadOnlyList<string>[])[Columns, .. Rows]).Select(row => string.Join(',', row.Select(cell => Quoted(GroupedNumber().IsMatch(cell) ? cell.Replace(",", "", StringComparison.Ordinal) : cell))) + "\n"));

    /// <summary>A table of GitHub's Markdown, without the title.</summary>
    public string Markdown()
    {
        StringBuilder text = new();
        Line(Columns);
        Line([.. Columns.Select((_, i) => IsNumeric(i) ? "---:" : "---")]);
        foreach (IReadOnlyList<string> row in Rows) Line(row);
        return text.ToString();

        void Line(IReadOnlyList<string> cells) => text.Append("| ").AppendJoin(" | ", cells.Select(cell => cell.Replace("|", "\\|", StringComparison.Ordinal))).Append(" |\n");
    }

    /// <summary>A table element in a box of its own, which scrolls where the page is narrow.</summary>
    public string Html()
    {
        StringBuilder text = new("<div class=\"scroll\" tabindex=\"0\">\n<table>\n");
        text.Append($"<caption>{WebUtility.HtmlEncode(Title)}</caption>\n<thead><tr>");
        for (int i = 0; i < Columns.Count; i++) text.Append($"<th scope=\"col\"{Class(i)}>{WebUtility.HtmlEncode(Columns[i])}</th>");
        text.Append("</tr></thead>\n<tbody>\n");
        foreach (IReadOnlyList<string> row in Rows)
        {
            text.Append("<tr>");
            for (int i = 0; i < row.Count; i++) text.Append($"<td{Class(i)}>{WebUtility.HtmlEncode(row[i])}</td>");
            text.Append("</tr>\n");
        }

        return text.Append("</tbody>\n</table>\n</div>\n").ToString();

        string Class(int column) => IsNumeric(column) ? " class=\"number\"" : "";
    }

    private bool IsNumeric(int column) => Rows.Count > 0 && Rows.All(row => row[column].TrimStart('-') is "" || char.IsAsciiDigit(row[column].TrimStart('-')[0]));

    [GeneratedRegex(@"^-?\d{1,3}(,\d{3})+(\.\d+)?$")]
    private static partial Regex GroupedNumber();

    private static string Quoted(string cell) => cell.AsSpan().IndexOfAny(",\"\n\r") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

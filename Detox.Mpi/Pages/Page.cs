using System.Net;
using System.Text;

namespace Detox.Mpi.Pages;

/// <summary>An HTML page that stands alone: no scripts, nothing that is fetched.</summary>
internal sealed class Page(string title)
{
    private readonly StringBuilder _body = new();

    public void Heading(string text) => _body.Append($"<h2>{Encoded(text)}</h2>\n");

    public void Text(string text) => _body.Append($"<p>{Encoded(text)}</p>\n");

    /// <summary>What a reader must not miss.</summary>
    public void Warning(string text) => _body.Append($"<p class=\"warning\" role=\"note\">{Encoded(text)}</p>\n");

    public void Add(Table table) => _body.Append(table.Html());

    /// <summary>A table that opens at a click.</summary>
    public void AddClosed(Table table) => _body.Append($"<details><summary>{Encoded(table.Title)} ({table.Rows.Count:N0} lines)</summary>\n{table.Html()}</details>\n");

    public void Add(IEnumerable<Chart> charts)
    {
        _body.Append("<div class=\"charts\">\n");
        foreach (Chart chart in charts)
        {
            string style = $" style=\"{PageStyle.LeastWidth(chart)}\"", svg = chart.Html().Replace("<svg ", $"<svg{style} ", StringComparison.Ordinal);
            _body.Append($"<figure{(chart.IsWide ? " class=\"wide\"" : "")}><div class=\"scroll\"{(chart.IsWide ? " tabindex=\"0\"" : "")}>{svg}</div>\n<figcaption>{Encoded(chart.Caption)}</figcaption></figure>\n");
        }

        _body.Append("</div>\n");
    }

    public override string ToString() => $"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <link rel="icon" href="data:,">
        <title>{Encoded(title)}</title>
        <style>
        {PageStyle.Css}</style>
        </head>
        <body>
        <h1>{Encoded(title)}</h1>
        {_body}<footer>Made by Detox {typeof(Page).Assembly.GetName().Version!.ToString(3)} from the files of the folder. Every number of a picture is in the text of its place; table.csv beside this page has a line for each run.</footer>
        </body>
        </html>

        """;

    private static string Encoded(string text) => WebUtility.HtmlEncode(text);
}

using System.Globalization;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Detox.Mpi.Training;

/// <summary>Settings in a TOML file: one key for each option, no tables. An unknown key stops the run.</summary>
/// <remarks>The grammar is the command line's: <c>group-size = 3</c>, <c>across = "multi-krum(f=2)"</c>.</remarks>
public static class ConfigFile
{
    /// <summary>The options with the file's keys set; an error names the file, the line and the key.</summary>
    public static TrainOptions Apply(TrainOptions options, string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new DetoxException(ExitCode.Usage, $"--config {path}: the file cannot be read: {error.Message}", error);
        }

        DocumentSyntax document = SyntaxParser.Parse(text, path);
        foreach (DiagnosticMessage problem in document.Diagnostics)
            throw new DetoxException(ExitCode.Usage, $"{path}, line {problem.Span.Start.Line + 1}: {problem.Message}");
        foreach (TableSyntaxBase table in document.Tables)
            throw new DetoxException(ExitCode.Usage, $"{Place(path, table)}: a table was found where only keys are expected.");

        foreach (KeyValueSyntax pair in document.KeyValues)
        {
            string key = pair.Key!.ToString().Trim();
            TrainOption option = TrainOption.All.FirstOrDefault(o => o.Name == key)
                ?? throw new DetoxException(ExitCode.Usage, $"{Place(path, pair)}: there is no key '{key}'; there are {string.Join(", ", TrainOption.All.Select(o => o.Name))}.");
            string value = pair.Value switch
            {
                StringValueSyntax quoted => quoted.Value ?? "",
                { } plain => plain.ToString().Trim(),
                null => "",
            };
            options = option.Set(options, value, $"{Place(path, pair)}, {key}");
        }

        return options;
    }

    /// <summary>All options as such a file.</summary>
    public static string Write(TrainOptions options)
        => string.Concat(TrainOption.All.Select(option => $"{option.Name} = {Quote(option.Text(options))}\n"));

    /// <summary>A number stays bare where TOML can hold it: its whole numbers have 64 bits with a sign.</summary>
    private static string Quote(string text)
    {
        bool isWhole = text.Length > 0 && text.AsSpan().IndexOfAnyExceptInRange('0', '9') < 0;
        bool isNumber = isWhole ? long.TryParse(text, CultureInfo.InvariantCulture, out _)
            : double.TryParse(text, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number);
        return isNumber ? text : $"\"{text.Replace("\\", "\\\\").Replace("\"", "\\\"")}\"";
    }

    private static string Place(string path, SyntaxNode node) => $"{path}, line {node.Span.Start.Line + 1}";
}

using System.Globalization;
using System.Text.RegularExpressions;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Detox.Mpi.Training;

/// <summary>Settings in a TOML file: one key for each option, no tables. An unknown key stops the run.</summary>
/// <remarks>The grammar is the command line's: <c>group-size = 3</c>, <c>across = "multi-krum(f=2)"</c>.</remarks>
public static partial class ConfigFile
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

        return Set(options, text, path);
    }

    /// <summary>The options that <see cref="Write"/> has written.</summary>
    /// <param name="path">For errors.</param>
    public static TrainOptions Parse(string text, string path) => Set(new TrainOptions(), text, path);

    /// <summary>All options as such a file.</summary>
    public static string Write(TrainOptions options)
        => string.Concat(TrainOption.All.Select(option => $"{option.Name} = {Quote(option.Text(options))}\n"));

    private static TrainOptions Set(TrainOptions options, string text, string path)
    {
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
            string value = Text(pair.Value!)
                ?? throw new DetoxException(ExitCode.Usage, $"{Place(path, pair)}, {key}: expected one value, found a list or a table; write it as on the command line, in quotes.");
            options = option.Set(options, value, $"{Place(path, pair)}, {key}");
        }

        return options;
    }

    /// <summary>A value as it is written, without the comment behind it; null for what is no single value.</summary>
    internal static string? Text(ValueSyntax value) => value switch
    {
        StringValueSyntax quoted => quoted.Value ?? "",
        IntegerValueSyntax whole => whole.Token!.Text,
        FloatValueSyntax number => number.Token!.Text,
        BooleanValueSyntax truth => truth.Token!.Text,
        DateTimeValueSyntax time => time.Token!.Text,
        _ => null,
    };

    /// <summary>A number stays bare where TOML can hold it: its whole numbers have 64 bits with a sign, no leading zeros and no commas.</summary>
    private static string Quote(string text)
    {
        bool isNumber = TomlNumber().Match(text) is { Success: true } number
            && (number.Groups["fraction"].Length > 0 ? double.IsFinite(double.Parse(text, CultureInfo.InvariantCulture)) : long.TryParse(text, CultureInfo.InvariantCulture, out _));
        return isNumber ? text : $"\"{string.Concat(text.Select(Escape))}\"";
    }

    /// <summary>A character as it stands in a basic string.</summary>
    private static string Escape(char character) => character switch
    {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\t' => "\\t",
        '\n' => "\\n",
        '\r' => "\\r",
        _ when char.IsControl(character) => $"\\u{(int)character:X4}",
        _ => character.ToString(),
    };

    [GeneratedRegex(@"^-?(0|[1-9][0-9]*)(?<fraction>(\.[0-9]+)?([eE][+-]?[0-9]+)?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex TomlNumber();

    private static string Place(string path, SyntaxNode node) => $"{path}, line {node.Span.Start.Line + 1}";
}

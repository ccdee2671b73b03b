using System.Globalization;
using System.Text.RegularExpressions;

namespace Detox.Tests.Docs;

/// <summary>Finds the measured numbers of a block.</summary>
/// <remarks>Measured is a number with a unit, and a cell of a table that holds nothing but numbers, beside the first column, which names the row. Numbers in code and those in headers are
/// settings. Durations and shares in words are found too, and count as numbers that no file has.</remarks>
internal static partial class Figures
{
    private const string Number = @"(?<number>(?<![\w.,/−-])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?)";
    private const string Small = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|sixty|ninety";
    private static readonly string _unit = string.Join('|', Figure.Units.Select(Regex.Escape));

    // "4 to 7 s": the unit of the last is that of all.
    private static readonly Regex _measured = new($@"{Number}(?:(?: to | and |, |–){Number})* ?(?<unit>{_unit})(?![\w/])");
    private static readonly Regex _spelled = new(
        $@"\b(?:(?:{Small})(?: and a half)? (?:seconds|minutes|hours|milliseconds|percent|points)|half an? (?:second|minute|hour)|(?:than|about) an? (?:second|minute|hour|point))\b", RegexOptions.IgnoreCase);

    public static IEnumerable<Figure> Of(Block block) => block.Kind switch
    {
        BlockKind.Prose => InText(block.Lines, block.Line),
        BlockKind.Table => block.Lines.Skip(2).SelectMany((row, index) => InRow(row, block.Line + 2 + index)),
        _ => [],
    };

    private static IEnumerable<Figure> InRow(string row, int line)
    {
        string[] cells = Code().Replace(row.Trim().Trim('|'), "").Split('|');
        for (int column = 0; column < cells.Length; column++)
        {
            string cell = cells[column].Trim();
            bool isOfNumbers = column > 0 && OnlyNumbers().IsMatch(Regex.Replace(cell, $@"(?<![\w/])(?:{_unit})(?![\w/])", ""));
            IEnumerable<Figure> figures = InText([cell], line);
            if (isOfNumbers && !figures.Any()) figures = Regex.Matches(cell, Number).SelectMany(match => Read(match, cell, "", _ => line));
            foreach (Figure figure in figures) yield return figure;
        }
    }

    private static IEnumerable<Figure> InText(IReadOnlyList<string> lines, int firstLine)
    {
        string text = string.Join(' ', lines), bare = Code().Replace(text, match => new string(' ', match.Length));
        List<Figure> figures = [];
        foreach (Match match in _measured.Matches(bare)) figures.AddRange(Read(match, text, match.Groups["unit"].Value, LineOf));
        foreach (Match match in _spelled.Matches(bare)) figures.Add(new Figure(LineOf(match.Index), match.Value, double.NaN, 0, "", text));
        return figures;

        int LineOf(int index)
        {
            int line = 0;
            for (int end = lines[0].Length; index > end; end += lines[line].Length + 1) line++;
            return firstLine + line;
        }
    }

    private static IEnumerable<Figure> Read(Match match, string context, string unit, Func<int, int> lineOf)
    {
        foreach (Capture capture in match.Groups["number"].Captures)
        {
            string digits = capture.Value.Replace(",", "", StringComparison.Ordinal).Replace('−', '-').ToLowerInvariant();
            string[] parts = digits.Split('e');
            int point = parts[0].IndexOf('.', StringComparison.Ordinal), behind = point < 0 ? 0 : parts[0].Length - point - 1;
            int exponent = parts.Length > 1 ? int.Parse(parts[1], CultureInfo.InvariantCulture) : 0;
            yield return new Figure(
                lineOf(capture.Index), unit.Length == 0 ? capture.Value : $"{capture.Value} {unit}", double.Parse(digits, CultureInfo.InvariantCulture), behind - exponent, unit, context);
        }
    }

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^[-−+±~\d.,;:/()eE\s]*(?:(?:to|and)[-−+±\d.,;:/()eE\s]*)*$")]
    private static partial Regex OnlyNumbers();
}

namespace Detox.Tests.Docs;

/// <summary>A number that is a definition or a limit and no measurement.</summary>
/// <param name="Number">With its unit, as the page has it.</param>
/// <param name="Words">A part of the sentence in which it is one.</param>
internal sealed record GivenNumber(string Number, string Words);

/// <summary>The list of such numbers: a line each, <c>NUMBER: WORDS AROUND IT</c>; lines that begin with # say why.</summary>
internal sealed class Given(IReadOnlyList<GivenNumber> all)
{
    public const string File = "docs/results/given.txt";

    private readonly HashSet<GivenNumber> _met = [];

    /// <exception cref="FormatException">A line is neither.</exception>
    public static Given Parse(string text)
    {
        List<GivenNumber> all = [];
        foreach (string line in text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#'))
        {
            if (line.Split(": ", 2) is not [var number, var words] || !words.Contains(number, StringComparison.Ordinal))
                throw new FormatException($"{File}: expected NUMBER: WORDS with that number among them, found '{line}'.");
            all.Add(new GivenNumber(number, words));
        }

        return new Given(all);
    }

    /// <summary>Those that no page has.</summary>
    public IEnumerable<GivenNumber> Unmet => all.Where(given => !_met.Contains(given));

    public bool Has(Figure figure)
    {
        GivenNumber? found = all.FirstOrDefault(given => given.Number == figure.Text && figure.Context.Contains(given.Words, StringComparison.Ordinal));
        return found is not null && (_met.Add(found) || true);
    }
}

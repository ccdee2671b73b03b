namespace Detox.Gpu.Tables;

/// <summary>All there is to choose from of one kind. Names, help and errors come from its rows, so that to add one is to add a row.</summary>
public abstract class Table
{
    // Longer ones push their summary to the right and leave the others in line.
    private const int WidestInLine = 24;

    private readonly string _kind;

    private protected Table(string kind, IReadOnlyList<Row> rows)
    {
        (_kind, Rows) = (kind, rows);
        Names = [.. rows.Select(row => row.Name)];
    }

    public IReadOnlyList<Row> Rows { get; }

    public IReadOnlyList<string> Names { get; }

    /// <summary>One line for each row, a line break before it: what it takes, and its summary.</summary>
    public string Lines()
    {
        int width = Rows.Max(row => row.Usage.Length <= WidestInLine ? row.Usage.Length : 0);
        return string.Concat(Rows.Select(row => $"\n  {row.Usage.PadRight(width)}  {row.Summary}"));
    }

    /// <summary>The message for a name that no row has.</summary>
    public string NoSuch(string name) => $"there is no {_kind} '{name}'; there are {string.Join(", ", Names)}.";
}

/// <summary>A table whose rows are made by a function of the table's own form.</summary>
public sealed class Table<TMake> : Table
    where TMake : Delegate
{
    private readonly IReadOnlyList<Row<TMake>> _rows;

    /// <param name="kind">What the rows are, in an error: "attack".</param>
    public Table(string kind, IReadOnlyList<Row<TMake>> rows)
        : base(kind, rows)
    {
        _rows = rows;
    }

    /// <summary>What makes that which a text like "alie(z=1.5)" names, and the text's parameters, for the maker to read.</summary>
    /// <exception cref="FormatException">No row has the name, or the row does not have the parameter.</exception>
    public (TMake Make, Call Call) Find(string text)
    {
        Call call = Call.Parse(text);
        foreach (Row<TMake> row in _rows)
            if (row.Name == call.Name) return (row.Make, call.Of(row.Signature));
        throw new FormatException(NoSuch(call.Name));
    }

    /// <summary>What makes the row of exactly this name; null where there is none.</summary>
    public TMake? Named(string name)
    {
        foreach (Row<TMake> row in _rows)
            if (row.Name == name) return row.Make;
        return null;
    }
}

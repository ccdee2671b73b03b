using System.Globalization;
using System.Numerics;

namespace Detox.Gpu.Tables;

/// <summary>name or name(parameter=value,...), blanks allowed between the parts: how a rule, an attack, a placement and a schedule are written.</summary>
/// <remarks>A row of a <see cref="Table{TMake}"/> says in the same grammar what it takes: a value there is the default, and N
/// stands where there is none. Every error is a FormatException.</remarks>
public sealed class Call
{
    private const string NoDefault = "N";

    // In the order in which they are written, which is the order of the messages.
    private readonly OrderedDictionary<string, string> _values;
    private readonly Call? _row;

    private Call(string name, OrderedDictionary<string, string> values, Call? row)
    {
        (Name, _values, _row) = (name, values, row);
    }

    public string Name { get; }

    public static Call Parse(string text)
    {
        string trimmed = text.Trim();
        int open = trimmed.IndexOf('('), close = trimmed.IndexOf(')');
        string name = (open < 0 ? trimmed : trimmed[..open]).TrimEnd();
        OrderedDictionary<string, string> values = [];
        if (open < 0 && close < 0) return new Call(name, values, row: null);
        if (open < 0 || (close >= 0 && close < open)) throw new FormatException($"'{text}' has a closing bracket without an opening one; write name(parameter=value,...).");
        if (!trimmed.EndsWith(')')) throw new FormatException($"'{text}' has no closing bracket at its end; write {name}(parameter=value,...).");
        string inside = trimmed[(open + 1)..^1];
        if (inside.AsSpan().ContainsAny('(', ')')) throw new FormatException($"'{text}' has more than one pair of brackets; write {name}(parameter=value,...).");
        if (inside.Trim().Length == 0) return new Call(name, values, row: null);
        foreach (string part in inside.Split(','))
        {
            int equals = part.IndexOf('=');
            if (equals < 0) throw new FormatException($"'{part.Trim()}' in '{text}' is not parameter=value.");
            string parameter = part[..equals].Trim();
            if (!values.TryAdd(parameter, part[(equals + 1)..].Trim())) throw new FormatException($"'{text}' gives '{parameter}' twice.");
        }

        return new Call(name, values, row: null);
    }

    /// <summary>Whether the row takes the parameter.</summary>
    public bool Takes(string parameter) => _row?._values.ContainsKey(parameter) == true;

    /// <summary>Whether the parameter is given, or has a default.</summary>
    public bool Has(string parameter) => Text(parameter) is not null;

    /// <summary>A whole number.</summary>
    /// <param name="otherwise">Where the row has no default but the run knows one; without it the parameter has to be given.</param>
    public int Int(string parameter, int least, int? otherwise = null)
    {
        if (Text(parameter) is not { } text) return otherwise ?? throw Missing(parameter);
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least
            ? value : throw Wrong(parameter, text, $"a whole number of at least {least}");
    }

    /// <summary>A finite number above <paramref name="above"/> and at most <paramref name="most"/>.</summary>
    public float Float(string parameter, float above = float.NegativeInfinity, float most = float.PositiveInfinity) => Number(parameter, above, most);

    /// <inheritdoc cref="Float"/>
    public double Double(string parameter, double above = double.NegativeInfinity, double most = double.PositiveInfinity) => Number(parameter, above, most);

    /// <summary>A finite number; null where this word stands in its place.</summary>
    public float? FloatOr(string word, string parameter) => Text(parameter) == word ? null : Number(parameter, float.NegativeInfinity, float.PositiveInfinity, $", or {word}");

    /// <summary>The same call, read as one of a row that says what it takes.</summary>
    internal Call Of(Call row)
    {
        foreach (string parameter in _values.Keys)
            if (!row._values.ContainsKey(parameter))
                throw new FormatException($"{Name} has no parameter '{parameter}'; it has {(row._values.Count == 0 ? "none" : string.Join(", ", row._values.Keys))}.");
        return new Call(Name, _values, row);
    }

    private T Number<T>(string parameter, T above, T most, string otherwise = "")
        where T : IFloatingPointIeee754<T>
    {
        string text = Text(parameter) ?? throw Missing(parameter);
        if (T.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out T? value) && T.IsFinite(value) && value > above && value <= most) return value;
        string expected = "a finite number" + (T.IsFinite(above) ? $" above {above}" : "") + (T.IsFinite(most) ? $", at most {most}" : "") + otherwise;
        throw Wrong(parameter, text, expected);
    }

    /// <summary>What is given, else the row's default, else null.</summary>
    private string? Text(string parameter)
    {
        if (_row is null || !_row._values.TryGetValue(parameter, out string? otherwise))
            throw new InvalidOperationException($"The row of '{Name}' does not say that it takes '{parameter}'.");
        return _values.TryGetValue(parameter, out string? given) ? given : otherwise == NoDefault ? null : otherwise;
    }

    private FormatException Missing(string parameter) => new($"{Name} needs {parameter}=N.");

    private FormatException Wrong(string parameter, string found, string expected) => new($"'{found}' is no {parameter} of {Name}: expected {expected}.");
}

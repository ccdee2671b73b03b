using System.Globalization;

namespace Detox.Mpi.Attacks;

/// <summary>A name with parameters in brackets: "alie(z=1.5)".</summary>
internal sealed class Call
{
    private readonly Dictionary<string, string> _arguments = [];
    private readonly HashSet<string> _known = [];

    private Call(string name) => Name = name;

    public string Name { get; }

    public static Call Parse(string text)
    {
        int open = text.IndexOf('(');
        if (open < 0) return new Call(text.Trim());
        if (!text.EndsWith(')')) throw new FormatException($"'{text}': the bracket is not closed.");
        Call call = new(text[..open].Trim());
        foreach (string part in text[(open + 1)..^1].Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] pair = part.Split('=');
            if (pair.Length != 2 || !call._arguments.TryAdd(pair[0].Trim(), pair[1].Trim()))
                throw new FormatException($"'{text}': expected name=value once for each parameter, found '{part.Trim()}'.");
        }

        return call;
    }

    public float Number(string parameter, float otherwise)
    {
        _known.Add(parameter);
        if (!_arguments.TryGetValue(parameter, out string? text)) return otherwise;
        return float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float value) && float.IsFinite(value)
            ? value : throw new FormatException($"{Name}: {parameter} is a number, found '{text}'.");
    }

    /// <summary>A whole number of at least 1 that has to be given.</summary>
    public int Count(string parameter)
    {
        _known.Add(parameter);
        if (!_arguments.TryGetValue(parameter, out string? text)) throw new FormatException($"{Name} needs {parameter}=N.");
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1
            ? value : throw new FormatException($"{Name}: {parameter} is a whole number from 1, found '{text}'.");
    }

    public void RefuseUnused()
    {
        foreach (string parameter in _arguments.Keys.Where(p => !_known.Contains(p)))
        {
            string exists = _known.Count == 0 ? "it takes none" : $"there is {string.Join(", ", _known)}";
            throw new FormatException($"{Name} has no parameter '{parameter}'; {exists}.");
        }
    }
}

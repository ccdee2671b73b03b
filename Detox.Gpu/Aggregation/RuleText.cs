using System.Globalization;

namespace Detox.Gpu.Aggregation;

/// <summary>name or name(parameter=value,...), blanks allowed between the parts.</summary>
internal sealed class RuleText
{
    private readonly Dictionary<string, string> _values = [];

    public RuleText(string text)
    {
        string trimmed = text.Trim();
        int bracket = trimmed.IndexOf('(');
        Name = (bracket < 0 ? trimmed : trimmed[..bracket]).TrimEnd();
        if (bracket < 0) return;
        if (!trimmed.EndsWith(')'))
            throw new FormatException($"'{text}' has no closing bracket at its end; write {Name}(parameter=value,...).");
        string inside = trimmed[(bracket + 1)..^1];
        if (inside.Trim().Length == 0) return;
        foreach (string part in inside.Split(','))
        {
            int equals = part.IndexOf('=');
            if (equals < 0)
                throw new FormatException($"'{part.Trim()}' in '{text}' is not parameter=value.");
            string key = part[..equals].Trim();
            if (!_values.TryAdd(key, part[(equals + 1)..].Trim()))
                throw new FormatException($"'{text}' gives '{key}' twice.");
        }
    }

    public string Name { get; }

    public void CheckParameters(string[] known)
    {
        foreach (string key in _values.Keys)
            if (!known.Contains(key))
                throw new FormatException($"{Name} has no parameter '{key}'; it has {(known.Length == 0 ? "none" : string.Join(", ", known))}.");
    }

    public int Int(string key, int least, int otherwise)
    {
        if (!_values.TryGetValue(key, out string? text)) return otherwise;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= least
            ? value
            : throw new FormatException($"'{text}' is no {key} of {Name}: expected a whole number of at least {least}.");
    }

    public double Double(string key, double otherwise)
    {
        if (!_values.TryGetValue(key, out string? text)) return otherwise;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && double.IsFinite(value)
            ? value
            : throw new FormatException($"'{text}' is no {key} of {Name}: expected a number above 0.");
    }
}

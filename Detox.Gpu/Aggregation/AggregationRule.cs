using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>Reduces n vectors, of which some may be wrong, to one.</summary>
/// <remarks>A rule is bit-exact: it depends on the rows and their order only, never on the device or its threads.
/// It keeps its scratch between calls, so a rule belongs to one thread at a time. n, f: rows, and how many of them the
/// rule must withstand.</remarks>
public abstract class AggregationRule : IDisposable
{
    private static readonly (string Name, string[] Parameters, Func<RuleText, int, AggregationRule> Create)[] Known =
    [
        ("mean", [], (_, _) => new MeanRule()),
        ("median", [], (_, _) => new MedianRule()),
        ("geometric-median", ["iterations", "tolerance"],
            (text, _) => new GeometricMedianRule(text.Int("iterations", 1, GeometricMedianRule.DefaultIterations), text.Double("tolerance", GeometricMedianRule.DefaultTolerance))),
        ("krum", ["f"], (text, f) => new KrumRule(text.Int("f", 0, f))),
        ("multi-krum", ["f", "select"], (text, f) => new MultiKrumRule(text.Int("f", 0, f), text.Int("select", 1, 0))),
        ("bulyan", ["f"], (text, f) => new BulyanRule(text.Int("f", 0, f))),
        ("sign-majority", [], (_, _) => new SignMajorityRule()),
    ];

    /// <summary>The rules' names, without parameters.</summary>
    public static IReadOnlyList<string> Names { get; } = Array.ConvertAll(Known, rule => rule.Name);

    /// <summary>The canonical text, parameters as resolved: "multi-krum(f=2,select=5)".</summary>
    public abstract string Name { get; }

    /// <summary>The fewest rows that the rule can work on.</summary>
    public abstract int RowsNeeded { get; }

    /// <summary>Why <see cref="RowsNeeded"/> is what it is: "2f+3 = 7 rows for f = 2".</summary>
    public virtual string RowsNeededText => RowsNeeded == 1 ? "1 row" : $"{RowsNeeded} rows";

    /// <summary>Reads "name" or "name(parameter=value,...)"; a parameter in brackets overrides <paramref name="f"/>.</summary>
    /// <exception cref="FormatException">The text names no rule, or a parameter or value that the rule does not have.</exception>
    public static AggregationRule Parse(string text, int f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(f);
        var parsed = new RuleText(text);
        foreach (var (name, parameters, create) in Known)
        {
            if (name != parsed.Name) continue;
            parsed.CheckParameters(parameters);
            return create(parsed, f);
        }

        throw new FormatException($"There is no aggregation rule '{parsed.Name}'. The rules are {string.Join(", ", Names)}.");
    }

    /// <summary>output = what the rule makes of the rows. The output must not overlap them.</summary>
    /// <exception cref="ArgumentException">There are fewer rows than <see cref="RowsNeeded"/>.</exception>
    public void Aggregate(Device device, Rows rows, View output)
    {
        if (rows.Count < RowsNeeded)
            throw new ArgumentException($"{Name} needs {RowsNeededText}; there are {rows.Count}.", nameof(rows));
        Reduce(device, rows, output);
    }

    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>Aggregates rows that are enough.</summary>
    protected abstract void Reduce(Device device, Rows rows, View output);

    /// <summary>A piece of scratch that grows to what is asked and then stays.</summary>
    private protected static Span<T> Scratch<T>(ref T[] scratch, int length)
    {
        if (scratch.Length < length) scratch = new T[length];
        return scratch.AsSpan(0, length);
    }
}

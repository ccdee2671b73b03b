using Detox.Gpu.Tables;

namespace Detox.Gpu.Aggregation;

/// <summary>Combines vectors before a rule sees them: each becomes a weighted sum of all.</summary>
public abstract class PreRule
{
    /// <summary>Every pre-rule: made from its parameters and f. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, int, PreRule>> Known { get; } = new(
        "pre-rule",
        [
            new("nnm(f=N)", "each row becomes the mean of its n-f nearest, itself included", (call, f) => new NearestNeighbourMixing(call.Int("f", 0, f))),
            new("bucketing(s=2)", "shuffles the rows into means of s", (call, _) => new Bucketing(call.Int("s", 1))),
            new("clipping(c=1)", "shortens rows that are longer than c", (call, _) => new Clipping(call.Double("c", above: 0))),
            new("arc(f=N)", "shortens the 2f(n-f)/n longest rows to the next one's length", (call, f) => new AdaptiveClipping(call.Int("f", 0, f))),
        ]);

    /// <summary>The canonical text, parameters as resolved: "nnm(f=2)".</summary>
    public abstract string Name { get; }

    /// <summary>The fewest rows for which what it promises holds.</summary>
    public virtual int RowsNeeded => 1;

    /// <summary>The fewest rows that it can work on.</summary>
    public virtual int RowsComputable => 1;

    /// <summary>How many vectors it makes of so many.</summary>
    public virtual int CountAfter(int count) => count;

    /// <summary>Reads "name" or "name(parameter=value,...)"; a parameter in brackets overrides <paramref name="f"/>.</summary>
    /// <exception cref="FormatException">The text names no pre-rule, or a parameter or value that it does not have.</exception>
    public static PreRule Parse(string text, int f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(f);
        (Func<Call, int, PreRule> make, Call call) = Known.Find(text);
        return make(call, f);
    }

    public abstract RuleWork Work(int rows, long width);

    /// <summary>The vectors become what it makes of them.</summary>
    public abstract void Apply(Vectors vectors);

    private protected static Span<T> Scratch<T>(ref T[] scratch, int length) => AggregationRule.Scratch(ref scratch, length);
}

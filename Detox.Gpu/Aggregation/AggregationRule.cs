using Detox.Gpu.Devices;
using Detox.Gpu.Tables;

namespace Detox.Gpu.Aggregation;

/// <summary>Reduces n vectors, of which some may be wrong, to one.</summary>
/// <remarks>A rule is bit-exact: it depends on the rows and their order only, never on the device or its threads.
/// It keeps its scratch between calls, so a rule belongs to one thread at a time. n, f: rows, and how many of them the
/// rule must withstand.</remarks>
public abstract class AggregationRule : IDisposable
{
    /// <summary>Every rule: made from its parameters and f. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, int, AggregationRule>> Known { get; } = new(
        "aggregation rule",
        [
            new("mean", "the plain mean: withstands nothing", (_, _) => new MeanRule()),
            new("median", "coordinate by coordinate", (_, _) => new MedianRule()),
            new("geometric-median(iterations=1000,tolerance=1E-06)", "the point with the least sum of distances",
                (call, _) => new GeometricMedianRule(call.Int("iterations", 1), call.Double("tolerance", above: 0))),
            new("krum(f=N)", "the one vector nearest to its neighbours", (call, f) => new KrumRule(call.Int("f", 0, f))),
            new("multi-krum(f=N,select=N)", "the mean of those that krum scores best",
                (call, f) => new MultiKrumRule(call.Int("f", 0, f), call.Int("select", 1, otherwise: 0))),
            new("bulyan(f=N)", "krum's choices, then the mean around their median", (call, f) => new BulyanRule(call.Int("f", 0, f))),
            new("sign-majority", "each coordinate's sign by majority, as signSGD", (_, _) => new SignMajorityRule()),
        ]);

    /// <summary>The rules' names, without parameters.</summary>
    public static IReadOnlyList<string> Names => Known.Names;

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
        (Func<Call, int, AggregationRule> make, Call call) = Known.Find(text);
        return make(call, f);
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

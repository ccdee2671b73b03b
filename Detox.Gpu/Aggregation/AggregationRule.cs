using Detox.Gpu.Devices;
using Detox.Gpu.Tables;

namespace Detox.Gpu.Aggregation;

/// <summary>Reduces n vectors, of which some may be wrong, to one.</summary>
/// <remarks>A rule is bit-exact: it depends on the rows and their order only, never on the device or its threads.
/// It keeps its scratch between calls, so a rule belongs to one thread at a time. n, f: rows, and how many of them the
/// rule must withstand.</remarks>
public abstract class AggregationRule : IDisposable
{
    private readonly Vectors _vectors = new();

    /// <summary>Every rule: made from its parameters and f. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, int, AggregationRule>> Known { get; } = new(
        "aggregation rule",
        [
            new("mean", "the plain mean: withstands nothing", (_, _) => new MeanRule()),
            new("median", "coordinate by coordinate", (_, _) => new MedianRule()),
            new("trimmed-mean(f=N)", "per coordinate the mean without f values at each end", (call, f) => new TrimmedMeanRule(call.Int("f", 0, f))),
            new("meamed(f=N)", "per coordinate the mean of the n-f values nearest the median", (call, f) => new MeamedRule(call.Int("f", 0, f))),
            new("phocas(f=N)", "per coordinate the mean of the n-f values nearest the trimmed mean", (call, f) => new PhocasRule(call.Int("f", 0, f))),
            new("geometric-median(nu=N,iterations=N,tolerance=1E-06)", "the point with the least sum of distances; with nu, smoothed rounds from the origin", GeometricMedianRule.Create),
            new("huber(T=1,iterations=100)", "the point with the least sum of Huber's losses of the distances", (call, _) => new HuberRule(call.Double("T", above: 0), call.Int("iterations", 1))),
            new("centered-clipping(m=0,iterations=1,tau=100)", "moves its centre, kept from step to step, by clipped differences",
                (call, _) => new CenteredClippingRule(call.Float("m"), call.Int("iterations", 1), call.Double("tau", above: 0))),
            new("krum(f=N,neighbours=N)", "the one vector nearest to its neighbours", (call, f) => new KrumRule(call.Int("f", 0, f), call.Int("neighbours", 1, otherwise: 0))),
            new("multi-krum(f=N,neighbours=N,select=N)", "the mean of those that krum scores best",
                (call, f) => new MultiKrumRule(call.Int("f", 0, f), call.Int("neighbours", 1, otherwise: 0), call.Int("select", 1, otherwise: 0))),
            new("bulyan(f=N)", "krum's choices, then the mean around their median", (call, f) => new BulyanRule(call.Int("f", 0, f))),
            new("mda(f=N)", "the mean of the n-f vectors of least diameter", (call, f) => new MdaRule(call.Int("f", 0, f))),
            new("monna(f=N,reference=0)", "the mean of the n-f vectors nearest to one of them", (call, f) => new MonnaRule(call.Int("f", 0, f), call.Int("reference", 0))),
            new("cge(f=N)", "the mean of the n-f shortest vectors", (call, f) => new CgeRule(call.Int("f", 0, f))),
            new("caf(f=N)", "covariance-bound filter: weighs down what spreads most", (call, f) => new CafRule(call.Int("f", 0, f))),
            new("smea(f=N)", "the mean of the n-f vectors whose covariance has the least top eigenvalue", (call, f) => new SmeaRule(call.Int("f", 0, f))),
            new("dnc(f=N,dimensions=10000,rounds=1,c=1)", "divide and conquer: drops the c f vectors that stand out along the top direction",
                (call, f) => new DncRule(call.Int("f", 0, f), call.Int("dimensions", 1), call.Int("rounds", 1), call.Double("c", above: 0))),
            new("signguard", "vectors of usual length and usual signs, clipped to the median length", (_, _) => new SignGuardRule()),
            new("sign-majority", "each coordinate's sign by majority, as signSGD", (_, _) => new SignMajorityRule()),
        ]);

    /// <summary>The rules' names, without parameters.</summary>
    public static IReadOnlyList<string> Names => Known.Names;

    /// <summary>The canonical text, parameters as resolved: "multi-krum(f=2,select=5)".</summary>
    public abstract string Name { get; }

    /// <summary>The fewest rows for which the rule's guarantee holds.</summary>
    public abstract int RowsNeeded { get; }

    /// <summary>Why <see cref="RowsNeeded"/> is what it is: "2f+3 = 7 rows for f = 2".</summary>
    public virtual string RowsNeededText => RowsNeeded == 1 ? "1 row" : $"{RowsNeeded} rows";

    /// <summary>Whether it promises anything where rows are wrong.</summary>
    public virtual bool IsRobust => true;

    /// <summary>The fewest rows of which the rule can make something at all.</summary>
    public virtual int RowsComputable => 1;

    /// <summary>Why so many rows would take it too long, in one sentence with the numbers; null where they do not.</summary>
    public virtual string? Excess(int rows) => null;

    /// <summary>What it keeps from step to step, by name: vectors as wide as the rows, in the device's memory. They may be read after any step, and a rule in whose vectors
    /// they are written before its first step goes on as the one that they were read from. None for most rules.</summary>
    /// <param name="device">That of the rows.</param>
    /// <param name="width">Floats in a row.</param>
    public virtual IReadOnlyList<(string Name, View Values)> Kept(Device device, long width) => [];

    /// <summary>Reads "name" or "name(parameter=value,...)"; a parameter in brackets overrides <paramref name="f"/>.</summary>
    /// <exception cref="FormatException">The text names no rule, or a parameter or value that the rule does not have.</exception>
    public static AggregationRule Parse(string text, int f)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(f);
        (Func<Call, int, AggregationRule> make, Call call) = Known.Find(text);
        return make(call, f);
    }

    /// <summary>Reads a rule and the pre-rules before it.</summary>
    /// <exception cref="FormatException">One of the texts names nothing that there is.</exception>
    public static AggregationRule Parse(IReadOnlyList<string> before, string text, int f)
    {
        PreRule[] pre = [.. before.Select(rule => PreRule.Parse(rule, f))];
        AggregationRule rule = Parse(text, f);
        return pre.Length == 0 ? rule : new PreparedRule(pre, rule);
    }

    /// <summary>What it costs on so many rows.</summary>
    public abstract RuleWork Work(int rows, long width);

    /// <summary>output = what the rule makes of the rows, whether they are enough for its guarantee or not. The output must not overlap them.</summary>
    /// <param name="seed">What everything random in it depends on.</param>
    /// <exception cref="ArgumentException">There are fewer rows than <see cref="RowsComputable"/>, or too many for it.</exception>
    public void Aggregate(Device device, Rows rows, View output, ulong seed = 0)
    {
        if (rows.Count < RowsComputable)
            throw new ArgumentException($"{Name} can make nothing of {rows.Count} {(rows.Count == 1 ? "row" : "rows")}; it takes at least {RowsComputable}.");
        if (Excess(rows.Count) is { } excess) throw new ArgumentException($"{excess}.");
        _vectors.Take(device, rows, seed);
        Reduce(_vectors, output);
    }

    public virtual void Dispose()
    {
        _vectors.Dispose();
        GC.SuppressFinalize(this);
    }

    protected internal abstract void Reduce(Vectors vectors, View output);

    /// <summary>A piece of scratch that grows to what is asked and then stays.</summary>
    internal static Span<T> Scratch<T>(ref T[] scratch, int length)
    {
        if (scratch.Length < length) scratch = new T[length];
        return scratch.AsSpan(0, length);
    }
}

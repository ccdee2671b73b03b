namespace Detox.Gpu.Aggregation;

/// <summary>What a rule costs beside the n x n arithmetic that no length enters: floating-point operations, and bytes of vectors read or written.</summary>
public readonly record struct RuleWork(double Operations, double Bytes)
{
    public static RuleWork operator +(RuleWork a, RuleWork b) => new(a.Operations + b.Operations, a.Bytes + b.Bytes);

    /// <summary>All squared distances between n rows: a difference and a fused multiply-add for each pair and coordinate.</summary>
    public static RuleWork Distances(int n, long width) => new(1.5 * n * (n - 1) * width, Rows(n, width));

    /// <summary>The squared distances of n rows from one point.</summary>
    public static RuleWork Norms(int n, long width) => new(3.0 * n * width, Rows(n, width));

    /// <summary>A weighted sum of n rows.</summary>
    public static RuleWork Sum(int n, long width) => new(2.0 * n * width, Rows(n + 1, width));

    /// <summary>Every column in order: a minimum and a maximum for each pair of Batcher's network, n log2(n) (log2(n) + 1) / 4 of them.</summary>
    public static RuleWork Sort(int n, long width)
    {
        double log = Math.Ceiling(Math.Log2(Math.Max(n, 2)));
        return new(n * log * (log + 1) / 2 * width, Rows(n + 1, width));
    }

    private static double Rows(int n, long width) => (double)n * width * sizeof(float);
}

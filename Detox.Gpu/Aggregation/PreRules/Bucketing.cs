namespace Detox.Gpu.Aggregation;

/// <summary>Bucketing: the vectors, in a seeded random order, become the means of s after s of them; the last bucket may be smaller.</summary>
/// <remarks>Source: Karimireddy, He, Jaggi 2022, "Byzantine-robust learning on heterogeneous datasets via bucketing".</remarks>
public sealed class Bucketing(int size) : PreRule
{
    private const ulong Purpose = 0x6275636B657473; // "buckets"

    private double[] _weights = [];
    private int[] _order = [];

    public override string Name => $"bucketing(s={size})";

    public override RuleWork Work(int rows, long width) => default;

    public override int CountAfter(int count) => (count + size - 1) / size;

    public override void Apply(Vectors vectors)
    {
        int n = vectors.Count, buckets = CountAfter(n);
        Span<int> order = Scratch(ref _order, n);
        for (int i = 0; i < n; i++) order[i] = i;
        new SeededRandom(vectors.Seed, Purpose).Shuffle(order);
        Span<double> weights = Scratch(ref _weights, buckets * n);
        weights.Clear();
        for (int i = 0; i < n; i++) weights[(i / size * n) + order[i]] = 1.0 / Math.Min(size, n - (i / size * size));
        vectors.Combine(buckets, weights, areAffine: true);
    }
}

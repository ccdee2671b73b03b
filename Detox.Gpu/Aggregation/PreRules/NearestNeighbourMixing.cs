namespace Detox.Gpu.Aggregation;

/// <summary>NNM: each vector becomes the mean of the n-f nearest to it, itself included; of equal distances the first one counts as the nearer.</summary>
/// <remarks>Source: Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023, "Fixing by mixing: a recipe for optimal Byzantine ML under heterogeneity".</remarks>
public sealed class NearestNeighbourMixing(int f) : PreRule
{
    private double[] _weights = [];
    private double[] _keys = [];
    private int[] _order = [];

    public override string Name => $"nnm(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override int RowsComputable => f + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width);

    public override void Apply(Vectors vectors)
    {
        int n = vectors.Count;
        ReadOnlySpan<double> distances = vectors.Distances;
        Span<double> weights = Scratch(ref _weights, n * n), keys = Scratch(ref _keys, n);
        Span<int> order = Scratch(ref _order, n);
        weights.Clear();
        for (int i = 0; i < n; i++)
        {
            distances.Slice(i * n, n).CopyTo(keys);

            // Itself, though another one may be equal.
            keys[i] = -1;
            Indices.ByKeys(keys, order);
            foreach (int j in order[..(n - f)]) weights[(i * n) + j] = 1.0 / (n - f);
        }

        vectors.Combine(n, weights, areAffine: true);
    }
}

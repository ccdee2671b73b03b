namespace Detox.Gpu.Aggregation;

/// <summary>ARC, adaptive robust clipping: the floor(2f (n-f) / n) longest vectors are shortened to the length of the next one.</summary>
/// <remarks>A vector with a NaN or an infinity is longer than all others; clipped it becomes 0. Of equally long ones the last counts as the longest. Source: Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan 2025, "Adaptive gradient clipping for robust federated learning".</remarks>
public sealed class AdaptiveClipping(int f) : PreRule
{
    private double[] _weights = [];
    private int[] _order = [];

    public override string Name => $"arc(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override int RowsComputable => f + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width);

    public override void Apply(Vectors vectors)
    {
        int n = vectors.Count, clipped = 2 * f * (n - f) / n;
        if (clipped == 0) return;
        ReadOnlySpan<double> norms = vectors.Norms;
        Span<int> order = Scratch(ref _order, n);
        Indices.ByKeys(norms, order);
        double longest = Math.Sqrt(norms[order[n - clipped - 1]]);
        Span<double> weights = Scratch(ref _weights, n * n);
        weights.Clear();
        for (int place = 0; place < n; place++)
        {
            double norm = Math.Sqrt(norms[order[place]]);
            weights[(order[place] * n) + order[place]] = place < n - clipped || norm == longest ? 1 : longest / norm;
        }

        vectors.Combine(n, weights, areAffine: false);
    }
}

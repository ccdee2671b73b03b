using System.Globalization;

namespace Detox.Gpu.Aggregation;

/// <summary>Static clipping: x becomes x min(1, c / ||x||). A vector with a NaN or an infinity becomes 0.</summary>
public sealed class Clipping(double c) : PreRule
{
    private double[] _weights = [];

    public override string Name => string.Create(CultureInfo.InvariantCulture, $"clipping(c={c})");

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width);

    public override void Apply(Vectors vectors)
    {
        int n = vectors.Count;
        ReadOnlySpan<double> norms = vectors.Norms;
        Span<double> weights = Scratch(ref _weights, n * n);
        weights.Clear();
        for (int i = 0; i < n; i++) weights[(i * n) + i] = Math.Min(1, c / Math.Sqrt(norms[i]));
        vectors.Combine(n, weights, areAffine: false);
    }
}

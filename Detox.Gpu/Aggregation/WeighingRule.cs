using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>A rule whose result is a weighted sum of the vectors; their distances and norms are all that it looks at.</summary>
public abstract class WeighingRule : AggregationRule
{
    private double[] _weights = [];

    protected internal sealed override void Reduce(Vectors vectors, View output)
    {
        Span<double> weights = Scratch(ref _weights, vectors.Count);
        weights.Clear();
        float divisor = Weigh(vectors, weights);
        vectors.WeightedSum(weights, divisor, output);
    }

    /// <summary>Sets the weights of the vectors, which are 0; the result is their weighted sum, divided by what is returned.</summary>
    protected abstract float Weigh(Vectors vectors, Span<double> weights);

    /// <summary>Weighs the first so many of an order equally.</summary>
    private protected static float Mean(ReadOnlySpan<int> chosen, Span<double> weights)
    {
        foreach (int i in chosen) weights[i] = 1;
        return chosen.Length;
    }
}

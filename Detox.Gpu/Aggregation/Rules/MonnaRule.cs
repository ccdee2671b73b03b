namespace Detox.Gpu.Aggregation;

/// <summary>MoNNA: the mean of the n-f rows nearest to one of them, itself included; of equal distances the first row counts as the nearer one.</summary>
/// <remarks>The reference must be honest: as in the paper, where it is the own gradient of the rank that aggregates. A row with a NaN or an infinity is further off than all others.
/// Source: Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan 2023, "Robust collaborative learning with linear gradient overhead".</remarks>
public sealed class MonnaRule(int f, int reference) : WeighingRule
{
    private double[] _distances = [];
    private int[] _order = [];

    public override string Name => $"monna(f={f},reference={reference})";

    public override int RowsNeeded => Math.Max((2 * f) + 1, reference + 1);

    public override string RowsNeededText => RowsNeeded > (2 * f) + 1 ? $"{RowsNeeded} rows to have one of the number {reference}" : $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => Math.Max(f, reference) + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width) + RuleWork.Sum(Math.Max(rows - f, 1), width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        Span<double> distances = Scratch(ref _distances, weights.Length);
        vectors.DistancesFrom(reference, distances);

        // Itself, though a NaN is at no finite distance from itself.
        distances[reference] = -1;
        Span<int> order = Scratch(ref _order, weights.Length);
        Indices.ByKeys(distances, order);
        return Mean(order[..^f], weights);
    }
}

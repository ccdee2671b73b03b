namespace Detox.Gpu.Aggregation;

/// <summary>Comparative gradient elimination: the mean of the n-f rows with the least norms; of equal norms the first row counts as the shorter one.</summary>
/// <remarks>A row with a NaN or an infinity is longer than all others. Source: Gupta, Liu, Vaidya 2021, "Byzantine fault-tolerant distributed machine
/// learning with norm-based comparative gradient elimination".</remarks>
public sealed class CgeRule(int f) : WeighingRule
{
    private int[] _order = [];

    public override string Name => $"cge(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => f + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Norms(rows, width) + RuleWork.Sum(Math.Max(rows - f, 1), width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        Span<int> order = Scratch(ref _order, weights.Length);
        Indices.ByKeys(vectors.Norms, order);
        return Mean(order[..^f], weights);
    }
}

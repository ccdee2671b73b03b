namespace Detox.Gpu.Aggregation;

/// <summary>Minimum diameter averaging: the mean of the n-f rows whose greatest distance between two of them is least; of equal diameters the first subset's, by its indices.</summary>
/// <remarks>All subsets are looked at, in the order of their indices; one is left as soon as it is as wide as the best so far. More than 10^7 subsets are refused. Source: Rousseeuw 1985, "Multivariate estimation with high breakdown point"; El Mhamdi,
/// Guerraoui, Guirguis, Hoang, Rouault 2020, "Genuinely distributed Byzantine machine learning".</remarks>
public sealed class MdaRule(int f) : WeighingRule
{
    private const double MostSubsets = 1e7;

    private readonly Subsets _subsets = new();

    public override string Name => $"mda(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => f + 1;

    public override string? Excess(int rows) => rows < RowsComputable ? null : Subsets.Excess(this, rows, rows - f, MostSubsets);

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sum(Math.Max(rows - f, 1), width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        int n = weights.Length;
        return Mean(_subsets.Least(n, n - f, vectors.Distances), weights);
    }
}

namespace Detox.Gpu.Aggregation;

/// <summary>Krum: the one row that lies closest to the n-f-2 rows nearest to it.</summary>
/// <remarks>A row's score is the sum of the squared distances to its nearest others, added in ascending order. Of
/// equal scores the first row's wins. Source: Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine learning with
/// adversaries: Byzantine tolerant gradient descent".</remarks>
/// <param name="f">Rows to withstand.</param>
/// <param name="neighbours">Others that a score counts; 0: n-f-2.</param>
public sealed class KrumRule(int f, int neighbours = 0) : WeighingRule
{
    private readonly KrumScores _krum = new();

    public override string Name => neighbours == 0 ? $"krum(f={f})" : $"krum(f={f},neighbours={neighbours})";

    public override int RowsNeeded => Math.Max((2 * f) + 3, neighbours + 1);

    public override string RowsNeededText => KrumScores.RowsNeededText(f, neighbours, RowsNeeded);

    public override int RowsComputable => KrumScores.RowsComputable(f, neighbours);

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sum(1, width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        _krum.Measure(vectors.Distances, vectors.Count);
        _krum.Score(neighbours == 0 ? vectors.Count - f - 2 : neighbours);
        weights[_krum.Best()] = 1;
        return 1;
    }
}

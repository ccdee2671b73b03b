namespace Detox.Gpu.Aggregation;

/// <summary>Multi-Krum: the mean of the rows with the best Krum scores (see <see cref="KrumRule"/>).</summary>
/// <remarks>The mean of the selected rows in their order among the rows, divided by their number. Scores
/// are those of all rows. Source: Blanchard et al. 2017.</remarks>
/// <param name="f">Rows to withstand.</param>
/// <param name="neighbours">Others that a score counts; 0: n-f-2.</param>
/// <param name="select">Rows to average; 0: n-f-2.</param>
public sealed class MultiKrumRule(int f, int neighbours = 0, int select = 0) : WeighingRule
{
    private readonly KrumScores _krum = new();

    public override string Name => $"multi-krum(f={f}{(neighbours == 0 ? "" : $",neighbours={neighbours}")}{(select == 0 ? "" : $",select={select}")})";

    public override int RowsNeeded => Math.Max((2 * f) + 3, Math.Max(neighbours + 1, select));

    public override string RowsNeededText => select == RowsNeeded && select > (2 * f) + 3 ? $"{select} rows to select as many" : KrumScores.RowsNeededText(f, neighbours, RowsNeeded);

    public override int RowsComputable => Math.Max(KrumScores.RowsComputable(f, neighbours), select == 0 ? f + 3 : select);

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sum(select == 0 ? Math.Max(rows - f - 2, 1) : select, width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        int n = vectors.Count, selected = select == 0 ? n - f - 2 : select;
        _krum.Measure(vectors.Distances, n);
        _krum.Score(neighbours == 0 ? n - f - 2 : neighbours);
        for (int i = 0; i < selected; i++)
        {
            int best = _krum.Best();
            _krum.Take(best);
            weights[best] = 1;
        }

        return selected;
    }
}

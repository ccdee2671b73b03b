using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Bulyan over Krum: theta = n-2f rows by repeated Krum, then per coordinate the mean of the theta-2f nearest the median.</summary>
/// <remarks>Each time Krum's best row is taken and removed. With m rows left a score counts the m-f-2 nearest others, at
/// least one as long as there is one: the last few choices are made among fewer rows than Krum itself would accept.
/// See <see cref="MeanAround"/> for the second part. Source: El Mhamdi, Guerraoui, Rouault 2018, "The hidden
/// vulnerability of distributed learning in Byzantium".</remarks>
public sealed class BulyanRule(int f) : AggregationRule
{
    private readonly KrumScores _krum = new();
    private long[] _selected = [];

    public override string Name => $"bulyan(f={f})";

    public override int RowsNeeded => (4 * f) + 3;

    public override string RowsNeededText => $"4f+3 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => (4 * f) + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Distances(rows, width) + RuleWork.Sort(Math.Max(rows - (2 * f), 1), width);

    protected internal override void Reduce(Vectors vectors, View output)
    {
        int n = vectors.Count, theta = n - (2 * f);
        _krum.Measure(vectors.Distances, n);
        Rows rows = vectors.Rows;
        Span<long> selected = Scratch(ref _selected, theta);
        for (int i = 0; i < theta; i++)
        {
            int left = n - i;
            _krum.Score(Math.Max(left - f - 2, Math.Min(1, left - 1)));
            int best = _krum.Best();
            _krum.Remove(best);
            selected[i] = rows.Offsets[best];
        }

        vectors.Device.Run(new MeanAround(new Rows(rows.Memory, selected, rows.Width), null, theta - (2 * f), output));
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Multi-Krum: the mean of the rows with the best Krum scores (see <see cref="KrumRule"/>).</summary>
/// <remarks>The mean of the selected rows in their order among the rows, divided by their number. Scores
/// are those of all rows. Source: Blanchard et al. 2017.</remarks>
/// <param name="f">Rows to withstand.</param>
/// <param name="select">Rows to average; 0: n-f-2.</param>
public sealed class MultiKrumRule(int f, int select) : AggregationRule
{
    private readonly KrumScores _krum = new();
    private float[] _weights = [];

    public override string Name => select == 0 ? $"multi-krum(f={f})" : $"multi-krum(f={f},select={select})";

    public override int RowsNeeded => Math.Max((2 * f) + 3, select);

    public override string RowsNeededText
        => select > (2 * f) + 3 ? $"{select} rows to select as many" : $"2f+3 = {RowsNeeded} rows for f = {f}";

    protected override void Reduce(Device device, Rows rows, View output)
    {
        int n = rows.Count;
        int selected = select == 0 ? n - f - 2 : select;
        _krum.Measure(device, rows);
        _krum.Score(n - f - 2);
        Span<float> weights = Scratch(ref _weights, n);
        weights.Clear();
        for (int i = 0; i < selected; i++)
        {
            int best = _krum.Best();
            _krum.Take(best);
            weights[best] = 1;
        }

        device.Run(new WeightedSum(rows, weights, selected, output));
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Per coordinate the mean without the f lowest and the f highest values; see <see cref="TrimmedMean"/>.</summary>
public sealed class TrimmedMeanRule(int f) : AggregationRule
{
    public override string Name => $"trimmed-mean(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => RowsNeeded;

    public override RuleWork Work(int rows, long width) => RuleWork.Sort(rows, width);

    protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Run(new TrimmedMean(vectors.Rows, f, output));
}

using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Meamed: per coordinate the mean of the n-f values nearest to the median; see <see cref="MeanAround"/>.</summary>
/// <remarks>Source: Xie, Koyejo, Gupta 2018, "Generalized Byzantine-tolerant SGD".</remarks>
public sealed class MeamedRule(int f) : AggregationRule
{
    public override string Name => $"meamed(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => f + 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Sort(rows, width);

    protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Run(new MeanAround(vectors.Rows, null, vectors.Count - f, output));
}

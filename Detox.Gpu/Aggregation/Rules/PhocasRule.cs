using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>Phocas: per coordinate the mean of the n-f values nearest to the mean without f values at each end; see <see cref="MeanAround"/>.</summary>
/// <remarks>Source: Xie, Koyejo, Gupta 2018, "Phocas: dimensional Byzantine-resilient stochastic gradient descent".</remarks>
public sealed class PhocasRule(int f) : AggregationRule
{
    public override string Name => $"phocas(f={f})";

    public override int RowsNeeded => (2 * f) + 1;

    public override string RowsNeededText => $"2f+1 = {RowsNeeded} rows for f = {f}";

    public override int RowsComputable => RowsNeeded;

    public override RuleWork Work(int rows, long width) => RuleWork.Sort(rows, width);

    protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Run(new MeanAround(vectors.Rows, f, vectors.Count - f, output));
}

using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The median of each coordinate; see <see cref="CoordinateMedian"/>.</summary>
public sealed class MedianRule : AggregationRule
{
    public override string Name => "median";

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Sort(rows, width);

    protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Run(new CoordinateMedian(vectors.Rows, output));
}

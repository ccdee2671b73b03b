using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The median of each coordinate; see <see cref="CoordinateMedian"/>.</summary>
public sealed class MedianRule : AggregationRule
{
    public override string Name => "median";

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output) => device.Run(new CoordinateMedian(rows, output));
}

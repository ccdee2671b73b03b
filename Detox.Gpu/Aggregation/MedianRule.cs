using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>The median of each coordinate; see <see cref="Kernels.CoordinateMedian"/>.</summary>
public sealed class MedianRule : AggregationRule
{
    public override string Name => "median";

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output) => device.CoordinateMedian(rows, output);
}

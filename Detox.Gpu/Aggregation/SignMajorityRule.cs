using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The sign that most rows have in each coordinate; see <see cref="SignMajority"/>.</summary>
public sealed class SignMajorityRule : AggregationRule
{
    public override string Name => "sign-majority";

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output) => device.Run(new SignMajority(rows, output));
}

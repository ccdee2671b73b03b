using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>The sign that most rows have in each coordinate; see <see cref="Kernels.SignMajority"/>.</summary>
public sealed class SignMajorityRule : AggregationRule
{
    public override string Name => "sign-majority";

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output) => device.SignMajority(rows, output);
}

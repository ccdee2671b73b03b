using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The sign that most rows have in each coordinate; see <see cref="SignMajority"/>.</summary>
public sealed class SignMajorityRule : AggregationRule
{
    public override string Name => "sign-majority";

    public override int RowsNeeded => 1;

    public override RuleWork Work(int rows, long width) => RuleWork.Sum(rows, width);

    protected internal override void Reduce(Vectors vectors, View output) => vectors.Device.Run(new SignMajority(vectors.Rows, output));
}

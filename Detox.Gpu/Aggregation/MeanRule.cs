using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Aggregation;

/// <summary>The mean of the rows: their sum in order, divided by n. One wrong row moves it anywhere.</summary>
public sealed class MeanRule : AggregationRule
{
    private float[] _weights = [];

    public override string Name => "mean";

    public override int RowsNeeded => 1;

    protected override void Reduce(Device device, Rows rows, View output)
    {
        if (rows.Count == 1)
        {
            device.Copy(rows[0], output);
            return;
        }

        Span<float> weights = Scratch(ref _weights, rows.Count);
        weights.Fill(1);
        device.Run(new WeightedSum(rows, weights, rows.Count, output));
    }
}

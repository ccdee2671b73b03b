namespace Detox.Gpu.Aggregation;

/// <summary>The mean of the rows: their sum in order, divided by n. One wrong row moves it anywhere.</summary>
public sealed class MeanRule : WeighingRule
{
    public override string Name => "mean";

    public override int RowsNeeded => 1;

    public override bool IsRobust => false;

    public override RuleWork Work(int rows, long width) => RuleWork.Sum(rows, width);

    protected override float Weigh(Vectors vectors, Span<double> weights)
    {
        weights.Fill(1);
        return weights.Length;
    }
}

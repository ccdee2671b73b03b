using Detox.Gpu.Devices;

namespace Detox.Gpu.Aggregation;

/// <summary>A rule behind pre-rules, which are applied in their order.</summary>
/// <param name="rule">Disposed with this.</param>
public sealed class PreparedRule(IReadOnlyList<PreRule> before, AggregationRule rule) : AggregationRule
{
    public override string Name => string.Join(", ", before.Select(pre => pre.Name).Append(rule.Name));

    public override int RowsNeeded => Least(pre => pre.RowsNeeded, rule.RowsNeeded);

    public override bool IsRobust => rule.IsRobust;

    public override int RowsComputable => Least(pre => pre.RowsComputable, rule.RowsComputable);

    public override string? Excess(int rows)
    {
        foreach (PreRule pre in before) rows = pre.CountAfter(rows);
        return rule.Excess(rows);
    }

    public override RuleWork Work(int rows, long width)
    {
        RuleWork work = default;
        foreach (PreRule pre in before)
        {
            work += pre.Work(rows, width);
            rows = pre.CountAfter(rows);
        }

        return work + rule.Work(rows, width);
    }

    public override IReadOnlyList<(string Name, View Values)> Kept(Device device, long width) => rule.Kept(device, width);

    public override void Dispose()
    {
        rule.Dispose();
        base.Dispose();
    }

    protected internal override void Reduce(Vectors vectors, View output)
    {
        foreach (PreRule pre in before) pre.Apply(vectors);
        rule.Reduce(vectors, output);
    }

    // The first number of rows with which each has enough of what those before it leave.
    private int Least(Func<PreRule, int> needed, int neededByRule)
    {
        for (int rows = 1; ; rows++)
        {
            int left = rows;
            bool suffices = true;
            foreach (PreRule pre in before)
            {
                suffices &= left >= needed(pre);
                left = pre.CountAfter(left);
            }

            if (suffices && left >= neededByRule) return rows;
        }
    }
}

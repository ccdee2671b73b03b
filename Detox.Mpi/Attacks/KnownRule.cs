using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;

namespace Detox.Mpi.Attacks;

/// <summary>What attackers know of the rule that joins the vectors: enough to see for themselves what it makes of theirs.</summary>
/// <remarks>They see the rule as it is before a run's first step, for some rules keep what they have seen; and they do not know its dice.</remarks>
/// <param name="across">Makes the rule, behind its pre-rules.</param>
public sealed class KnownRule(Func<AggregationRule> across)
{
    /// <summary>Makes the rule within a bucket.</summary>
    public Func<AggregationRule> Within { get; init; } = () => AggregationRule.Parse("mean", 0);

    /// <summary>0: no bucketing.</summary>
    public int Buckets { get; init; }

    /// <summary>Null, or why it can make nothing of so many vectors.</summary>
    public string? Problem(int count)
    {
        using AggregationRule outer = across(), inner = Within();
        if (IsBucketed(count)) return BucketedAggregation.Problem(inner, outer, Buckets, count);
        return count >= outer.RowsComputable ? null : $"{outer.Name} takes at least {outer.RowsComputable} vectors, and there would be {count}";
    }

    /// <summary>result = the rule's of the vectors.</summary>
    internal void Aggregate(Device device, Rows vectors, ulong seed, View result)
    {
        if (IsBucketed(vectors.Count))
        {
            using BucketedAggregation buckets = new(device, Within(), across(), Buckets, vectors.Count, vectors.Width);
            buckets.Aggregate(vectors, seed, result);
            return;
        }

        using AggregationRule rule = across();
        rule.Aggregate(device, vectors, result, seed);
    }

    private bool IsBucketed(int count) => Buckets > 0 && Buckets < count;
}

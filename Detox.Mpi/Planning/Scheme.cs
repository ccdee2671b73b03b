using Detox.Gpu.Aggregation;

namespace Detox.Mpi.Planning;

/// <summary>A way to share out a step: p ranks in groups of r that vote, and rules that join the winners.</summary>
/// <param name="Pre">Pre-rules of the across-rule, with ';' between them.</param>
/// <param name="Buckets">As many as groups: no bucketing.</param>
internal sealed record Scheme(int Ranks, int GroupSize, string Within, string Across, string Pre, int Buckets)
{
    /// <summary>p/r: the vectors that the rules see.</summary>
    public int Groups => Ranks / GroupSize;

    /// <summary>(r+1)/2.</summary>
    public int Majority => (GroupSize + 1) / 2;

    public bool IsAverage => GroupSize == 1 && Rules(0) is [{ Rule: MeanRule }];

    private bool HasBuckets => Buckets < Groups;

    private string[] PreRules => Pre.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>One without redundancy and buckets.</summary>
    public static Scheme Plain(int ranks, string rule, string pre = "") => new(ranks, 1, "mean", rule, pre, ranks);

    /// <summary>The rules as they run, told f, each on so many rows and so often.</summary>
    public IReadOnlyList<(AggregationRule Rule, int Rows, int Times)> Rules(int f)
    {
        if (!HasBuckets) return [(MakeAcross(f), Groups, 1)];
        int size = Groups / Buckets, larger = Groups % Buckets;
        return [(MakeWithin(f), size, Buckets - larger), (MakeWithin(f), size + 1, larger), (MakeAcross(f), Buckets, 1)];
    }

    public RuleWork Work(int f, long width)
    {
        RuleWork sum = default;
        foreach ((AggregationRule rule, int rows, int times) in Rules(f))
        {
            RuleWork work = rule.Work(rows, width);
            sum += new RuleWork(times * work.Operations, times * work.Bytes);
        }

        return sum;
    }

    /// <summary>Why train refuses it where q ranks win at most f groups; null where it does not.</summary>
    public string? Problem(int f) => BucketedAggregation.Problem(MakeWithin(f), MakeAcross(f), Buckets, Groups);

    /// <summary>The most wrong vectors that the rules withstand, told so, wherever they fall: no rule can as soon as half of its rows are wrong.</summary>
    public int Withstood()
    {
        if (!HasBuckets) return Most(Across, MakeAcross, Groups);

        // A bucket is lost to one more than its rule withstands, and the across-rule to one more such bucket than it does.
        return ((Most(Within, MakeWithin, Groups / Buckets) + 1) * (Most(Across, MakeAcross, Buckets) + 1)) - 1;
    }

    /// <summary>What a table calls it, where its rules are told f.</summary>
    public string Title(int f)
    {
        if (IsAverage) return "average";
        string across = string.Join(", ", [.. PreRules, Told(Across, f)]), rules = HasBuckets ? $"{Told(Within, f)} in {Buckets} buckets, {across}" : across;
        return GroupSize == 1 ? $"r = 1: {rules}" : $"DETOX, r = {GroupSize}: {rules}";
    }

    /// <summary>A rule as it may be given to train, f in it where the rule takes it.</summary>
    private static string Told(string rule, int f)
        => AggregationRule.Known.Find(rule).Call is var call && call.Takes("f") && rule.Trim() == call.Name ? $"{call.Name}(f={f})" : rule.Trim();

    private static int Most(string text, Func<int, AggregationRule> make, int rows)
    {
        bool Holds(int f) => make(f) is var rule && rule.IsRobust && rule.RowsNeeded <= rows;

        // Where the text itself says f, the rule cannot be told another.
        (_, Gpu.Tables.Call call) = AggregationRule.Known.Find(text);
        int least = 0, most = (rows - 1) / 2;
        if (call.Takes("f") && call.Has("f")) return Holds(0) ? Math.Min(call.Int("f", 0), most) : 0;
        while (least < most)
        {
            int f = (least + most + 1) / 2;
            if (Holds(f)) least = f;
            else most = f - 1;
        }

        return least;
    }

    private AggregationRule MakeWithin(int f) => AggregationRule.Parse(Within, f);

    private AggregationRule MakeAcross(int f) => AggregationRule.Parse(PreRules, Across, f);
}

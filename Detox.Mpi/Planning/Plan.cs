using Detox.Gpu.Aggregation;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Planning;

/// <summary>What q Byzantine ranks are for a scheme, for its alternatives, and which of them pays.</summary>
/// <param name="Asked">The scheme as asked for.</param>
/// <param name="Plain">Its rules at r = 1.</param>
/// <param name="Average">The plain average of all ranks' gradients.</param>
/// <param name="Rules">Every rule at r = 1 that withstands q ranks.</param>
/// <param name="Others">The scheme as asked for with every other odd group size that p can be cut into; the vote alone where q ranks can win no group.</param>
/// <param name="Left">Rules that withstand less than q ranks at r = 1, or are refused, and why.</param>
internal sealed record Plan(
    int Byzantine, Forecast Asked, Forecast Plain, Forecast Average, IReadOnlyList<Forecast> Rules, IReadOnlyList<Forecast> Others, IReadOnlyList<(string Rule, string Why)> Left, Advice Advice)
{
    /// <summary>What is compared, each once: the scheme as asked for first.</summary>
    public IEnumerable<Forecast> All => new[] { Asked, Average, Plain }.Concat(Rules).Concat(Others).DistinctBy(forecast => forecast.Scheme);

    /// <summary>The most groups that q ranks can win, wherever they are; at r = 1 with those that err.</summary>
    public int Worst => Math.Max(Math.Min(Byzantine / Asked.Scheme.Majority, Asked.Scheme.Groups), Asked.Scheme.GroupSize == 1 ? Asked.Outcomes.Wrong.Last : 0);

    public static Plan Of(Scheme asked, int byzantine, PlanSetting setting)
    {
        Dictionary<int, GroupOutcomes> outcomes = [];
        int p = asked.Ranks;
        Forecast average = Foresee(Scheme.Plain(p, "mean")), asAsked = Foresee(asked);
        List<Forecast> rules = [];
        List<(string, string)> left = [];
        foreach (string rule in AggregationRule.Names)
        {
            Forecast plain = Foresee(Scheme.Plain(p, rule));
            if (plain.Scheme.IsAverage) continue;
            if (plain.Withstands) rules.Add(plain);
            else left.Add((rule, plain.Refused ?? $"withstands {plain.Withstood} wrong vectors of {p}"));
        }

        List<Forecast> others = [.. OddDivisors(p).Where(r => r > 1 && r != asked.GroupSize).Select(r => Foresee(InGroupsOf(r)))];

        // The asked rules without redundancy, unless that is what is asked for.
        Forecast plainly = asked.GroupSize == 1 ? asAsked : Foresee(Scheme.Plain(p, asked.Across, asked.Pre));
        return new Plan(byzantine, asAsked, plainly, average, rules, others, left, Advice.Of(asAsked, average, plainly, rules, others, byzantine, setting.FaultRate));

        // Where q ranks can win no group the vote leaves nothing to withstand.
        Scheme InGroupsOf(int r) => byzantine < (r + 1) / 2 ? new Scheme(p, r, "mean", "mean", "", p / r)
            : asked with { GroupSize = r, Buckets = asked.Buckets < asked.Groups ? Math.Min(asked.Buckets, p / r) : p / r };

        Forecast Foresee(Scheme scheme)
        {
            if (!outcomes.TryGetValue(scheme.GroupSize, out GroupOutcomes? known))
            {
                GroupTable groups = GroupTable.Create(p, scheme.GroupSize, setting.Seed);
                known = GroupOutcomes.Of(Placement.Create(setting.Placement, groups, byzantine, setting.Seed), scheme.GroupSize, setting.FaultRate);
                outcomes.Add(scheme.GroupSize, known);
            }

            return Forecast.Of(scheme, known, byzantine, setting);
        }
    }

    private static IEnumerable<int> OddDivisors(int p) => Enumerable.Range(1, p).Where(r => r % 2 == 1 && p % r == 0);
}

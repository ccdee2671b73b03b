using Detox.Gpu.Aggregation;
using Detox.Mpi.Groups;

namespace Detox.Mpi.Planning;

/// <summary>How many groups of r ranks end in a wrong winner in a step, and how many in none.</summary>
internal sealed record GroupOutcomes(CountLaw Wrong, CountLaw Void)
{
    /// <summary>More wrong winners than this have a probability of at most <see cref="Forecast.BrokenTolerated"/>.</summary>
    public int MostWrong
    {
        get
        {
            int most = Wrong.Last;
            while (most > Wrong.First && Wrong.AtLeast(most) <= Forecast.BrokenTolerated) most--;
            return most;
        }
    }

    /// <param name="placement">Of q ranks in groups of r.</param>
    public static GroupOutcomes Of(Placement placement, int groupSize, double faultRate) => new(
        placement.Struck(GroupChances.Wrong(groupSize, faultRate)),
        faultRate == 0 ? CountLaw.Certain(0) : placement.Struck(GroupChances.Void(groupSize, faultRate)));
}

/// <summary>What a scheme does in a step, and what it costs.</summary>
/// <param name="Told">f: what the rules are told.</param>
/// <param name="Withstood">The most wrong vectors that its rules withstand, told so.</param>
/// <param name="Broken">The probability that there are more.</param>
/// <param name="Error">See <see cref="LeastError"/>: on average over the steps that are not broken; NaN where all are.</param>
/// <param name="Refused">Why train refuses the rules, told f; null where it does not.</param>
internal sealed record Forecast(
    Scheme Scheme, int Told, GroupOutcomes Outcomes, int Withstood, double Broken, double Error, Traffic Traffic, RuleWork Work, StepSeconds Seconds, string? Refused)
{
    /// <summary>A scheme withstands what breaks fewer steps than this: one in a thousand runs of a million steps.</summary>
    public const double BrokenTolerated = 1e-9;

    public bool Withstands => Broken <= BrokenTolerated && Refused is null;

    /// <summary>Of the average of the vectors, relative to the average of all p ranks' gradients, each of samples of its own.</summary>
    public double RelativeVariance => Scheme.GroupSize;

    public static Forecast Of(Scheme scheme, GroupOutcomes outcomes, int byzantine, PlanSetting setting)
    {
        // Faults of ranks that no vote masks count as well; elsewhere it is what train tells the rules.
        int told = Math.Max(byzantine / scheme.Majority, scheme.GroupSize == 1 ? outcomes.MostWrong : 0);
        int withstood = scheme.Withstood();
        double vectors = scheme.Groups - outcomes.Void.Mean, broken = outcomes.Wrong.AtLeast(withstood + 1);
        double error = outcomes.Wrong.Expect(wrong => wrong <= withstood ? LeastError(vectors, wrong) : 0) / (1 - broken);
        Traffic traffic = Traffic.Of(scheme, setting.Workload, setting.Nodes);
        return new Forecast(
            scheme, told, outcomes, withstood, broken, error, traffic, scheme.Work(told, setting.Workload.Parameters),
            setting.Machine.StepOf(scheme, told, setting, traffic), scheme.Problem(told));
    }

    /// <summary>The least mean squared error that any rule can promise with c of n vectors wrong, in units of one vector's variance: that of
    /// the mean of the n - c others, 1 / (n - c), and c / (n - 2c), which no rule's distance from that mean is below for all vectors; infinite from c = n/2 on.</summary>
    /// <remarks>Source of the second: Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023, "Fixing by mixing: a recipe for optimal Byzantine ML under heterogeneity",
    /// where a rule is (f, kappa)-robust, and kappa at least f / (n - 2f). The rules' own constants come on top of it.</remarks>
    internal static double LeastError(double vectors, int wrong)
        => 2 * wrong < vectors ? (1 / (vectors - wrong)) + (wrong / (vectors - (2 * wrong))) : double.PositiveInfinity;
}

/// <summary>What all schemes of a plan have in common.</summary>
/// <param name="FaultRate">The probability with which a rank that is not Byzantine errs in a step.</param>
/// <param name="Cores">That all ranks share.</param>
/// <param name="LinkBytes">Bytes a second into rank 0, and out of it.</param>
internal sealed record PlanSetting(Workload Workload, int Batch, string Placement, ulong Seed, double FaultRate, int Nodes, int Cores, double LinkBytes, Machine Machine);

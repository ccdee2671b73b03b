using Detox.Gpu.Aggregation;
using Detox.Mpi.Commands;
using MathNet.Numerics.Statistics;

namespace Detox.Mpi.Planning;

/// <summary>Seconds of a step by what takes them, as <see cref="Training.Phase"/> has them.</summary>
internal readonly record struct StepSeconds(double Compute, double Vote, double Aggregate, double Broadcast)
{
    public double Total => Compute + Vote + Aggregate + Broadcast;
}

/// <summary>What a machine does in a second, from what bench measures.</summary>
/// <param name="Gradient">Multiplications and additions of a gradient, by one rank.</param>
/// <param name="Digest">Bytes hashed for a ballot, by one rank.</param>
/// <param name="ServerDigest">The same by rank 0, which has all cores of its node while the others wait.</param>
/// <param name="Arithmetic">Operations of a rule at best, by rank 0.</param>
/// <param name="Memory">Bytes copied, by rank 0: those read and those written.</param>
/// <param name="RuleFactors">By the rule's name: how much longer it takes than its operations or its bytes at best, whichever is more.</param>
/// <param name="Source">Where the numbers are from, for people.</param>
internal sealed record Machine(
    double Gradient, double Digest, double ServerDigest, double Arithmetic, double Memory, IReadOnlyDictionary<string, double> RuleFactors, string Source)
{
    // What the optimizer reads and writes of vectors: gradient, weights and momentum, weights and momentum.
    private const int OptimizerVectors = 5;

    /// <summary>The machine that has measured so.</summary>
    /// <exception cref="FormatException">A measurement is missing; the message says which.</exception>
    public static Machine Of(IReadOnlyList<Measurement> measurements, string model, int batch, string ballot, string source)
    {
        int most = measurements.Max(m => m.Threads), least = measurements.Min(m => m.Threads);
        double arithmetic = Flops(Of("kernel", most, "fma chains")), memory = Bytes(Of("kernel", most, "copy"));
        Dictionary<string, double> factors = [];
        foreach (Measurement m in measurements.Where(m => m.Name == "rule" && m.Threads == most))
        {
            // Of several numbers of rows the last one counts, which is the largest.
            (string rule, int rows, int width) = Benchmarks.RuleOf(m);
            factors[rule] = m.Seconds / AtBest(AggregationRule.Parse(rule, Benchmarks.ToldOf(rows)).Work(rows, width), arithmetic, memory);
        }

        return new Machine(
            Flops(NearestGradient() ?? Of("gemm", least)),
            Bytes(Of("ballot", least, ballot)),
            Bytes(Of("ballot", most, ballot)),
            arithmetic,
            memory,
            factors,
            source);

        Measurement Of(string name, int threads, string start = "")
            => measurements.FirstOrDefault(m => m.Name == name && m.Threads == threads && m.Case.StartsWith(start, StringComparison.Ordinal))
                ?? throw new FormatException($"expected a measurement of {name}{(start.Length > 0 ? $", {start}," : "")} with {threads} threads, as `bench --json` without --only has it");

        static double Flops(Measurement m) => m.Gflops * 1e9 ?? throw new FormatException($"expected gflops of {m.Name}, {m.Case}, found none");

        static double Bytes(Measurement m) => m.BytesPerSecond ?? throw new FormatException($"expected bytes_per_second of {m.Name}, {m.Case}, found none");

        Measurement? NearestGradient() => measurements
            .Where(m => m.Name == "gradient" && m.Threads == least && m.Case.StartsWith($"{model} batch ", StringComparison.Ordinal))
            .MinBy(m => Math.Abs(int.Parse(m.Case.AsSpan(m.Case.LastIndexOf(' ') + 1)) - batch));
    }

    /// <summary>A step where nobody is silent, without what messages take besides their bytes.</summary>
    public StepSeconds StepOf(Scheme scheme, int told, PlanSetting setting, Traffic traffic)
    {
        Workload work = setting.Workload;
        double ranksACore = Math.Max(1, (double)scheme.Ranks / setting.Cores), payload = work.PayloadBytes, state = work.StateBytes;
        double rules = scheme.Rules(told).Sum(pass => pass.Times * SecondsOf(pass.Rule, pass.Rows, work.Parameters));
        return new StepSeconds(
            setting.Batch * work.FlopsASample / Gradient * ranksACore,
            (payload / Digest * ranksACore) + (traffic.In / setting.LinkBytes) + (scheme.Groups * payload / ServerDigest),
            rules + (OptimizerVectors * work.Parameters * sizeof(float) / Memory),
            (2 * state / Memory * ranksACore) + (traffic.Out / setting.LinkBytes));
    }

    private double SecondsOf(AggregationRule rule, int rows, long width)
    {
        // A rule that was not measured is taken for one as good as the others.
        string name = Gpu.Tables.Call.Parse(rule.Name.Split(", ")[^1]).Name;
        double factor = RuleFactors.TryGetValue(name, out double measured) ? measured : RuleFactors.Count > 0 ? RuleFactors.Values.Median() : 1;
        return factor * AtBest(rule.Work(rows, width), Arithmetic, Memory);
    }

    private static double AtBest(RuleWork work, double arithmetic, double memory) => Math.Max(work.Operations / arithmetic, work.Bytes / memory);
}

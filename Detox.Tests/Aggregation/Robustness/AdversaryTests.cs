using Detox.Gpu.Aggregation;

namespace Detox.Tests.Aggregation.Robustness;

/// <summary>No f rows that an adversary finds take a rule's result further from the honest mean than is proven of the rule.</summary>
/// <remarks>A search of some hundred evaluations each; DETOX_ADVERSARY_EVALUATIONS and DETOX_ADVERSARY_SEED make it longer (jobs/adversary.sh).</remarks>
public sealed class AdversaryTests
{
    private static readonly int _evaluations = int.Parse(Environment.GetEnvironmentVariable("DETOX_ADVERSARY_EVALUATIONS") ?? "320");
    private static readonly ulong _seed = ulong.Parse(Environment.GetEnvironmentVariable("DETOX_ADVERSARY_SEED") ?? "1");

    /// <summary>They promise nothing that f rows could break; see <see cref="Promise"/>.</summary>
    private static readonly string[] _withoutPromise = ["mean", "sign-majority", "cge", "dnc", "signguard", "centered-clipping"];

    [Test]
    public void EveryRuleHasAPromiseOrNone()
        => Assert.That(Promise.All.Select(promise => AggregationRule.Known.Find(promise.Rule).Call.Name).Distinct().Concat(_withoutPromise), Is.EquivalentTo(AggregationRule.Names));

    [Test]
    public void KeepsItsPromise([ValueSource(typeof(Promise), nameof(Promise.All))] Promise promise)
    {
        const int climbs = 8, sets = 4;
        double worst = 0;
        for (ulong set = 0; set < sets; set++)
        {
            using Adversary adversary = new(promise, (_seed * sets) + set);
            (double share, float[][] rows) = adversary.Search(_evaluations / sets, climbs);
            worst = Math.Max(worst, share);
            Assert.That(share, Is.LessThanOrEqualTo(1), () => $"{promise}, seed {_seed}, set {set}: the result is {share:G4} of the bound from the mean of all but the wrong ones of\n{string.Join('\n', rows.Select(row => string.Join(' ', row.Select(x => x.ToString("R")))))}");
        }

        TestContext.Out.WriteLine($"{promise}: at most {worst:F3} of the bound");
    }

    /// <summary>One row inside the limit of 10,000 radii, one on the mean of all others, where an iteration from their mean would stand still.</summary>
    [Test]
    public void ARowOnTheMeanOfAllOthersIsNotTheGeometricMedian([Range(1, 20)] int seed, [Values(10, 100, 1000, 9000)] float radii)
    {
        const int n = 15, width = 10;
        float[][] honest = SampleRows.Honest(n - 2, width, (ulong)seed);
        HonestRows measured = new(HonestRows.Exact(honest));
        float[] far = [.. measured.Mean.Select((x, j) => (float)(x + (j == seed % width ? radii * Math.Sqrt(measured.Variance) : 0)))];
        float[] mean = [.. Enumerable.Range(0, width).Select(j => ((float[][])[far, .. honest]).Average(row => row[j]))];
        float[] found = SampleRows.Aggregate("geometric-median", 2, [.. honest, far, mean]);
        double distance = Math.Sqrt(found.Zip(measured.Mean, (x, m) => (x - m) * (x - m)).Sum());
        Assert.That(distance, Is.LessThanOrEqualTo(2 * (1 + (2.0 / (n - 4))) * Math.Sqrt(measured.Variance)));
    }
}

using Detox.Mpi.Planning;
using NUnit.Framework;

namespace Detox.Tests.Planning;

[TestFixture]
internal sealed class SchemeTests
{
    [TestCase("mean", 45, 0)]
    [TestCase("median", 45, 22)]
    [TestCase("median", 1, 0)]
    [TestCase("median", 2, 0)]
    [TestCase("median", 3, 1)]
    [TestCase("trimmed-mean", 45, 22)]
    [TestCase("krum", 45, 21)]
    [TestCase("krum", 2, 0)]
    [TestCase("bulyan", 45, 10)]
    [TestCase("multi-krum(f=1)", 45, 1)]
    [TestCase("multi-krum(f=9)", 7, 0)]
    [TestCase("trimmed-mean(f=30)", 45, 0)]
    [TestCase("median", 99_999, 49_999)]
    public void WithstoodByOneRule(string rule, int rows, int expected) => Assert.That(Scheme.Plain(rows, rule).Withstood(), Is.EqualTo(expected));

    /// <summary>In buckets: the fewest wrong rows that can spoil the result, however they fall, less one.</summary>
    [TestCase(15, 5, "mean", "median", 2)]
    [TestCase(15, 2, "multi-krum", "mean", 2)]
    [TestCase(15, 5, "median", "median", 5)]
    [TestCase(15, 15, "mean", "median", 7)]
    [TestCase(15, 14, "mean", "mean", 0)]
    [TestCase(16, 3, "median", "median", 5)]
    public void WithstoodInBuckets(int groups, int buckets, string within, string across, int expected)
    {
        Scheme scheme = new(3 * groups, 3, within, across, "", buckets);
        Assert.That(scheme.Withstood(), Is.EqualTo(expected));

        // The smallest buckets first, each given one wrong row more than its rule withstands, until the across-rule is beaten.
        int size = groups / buckets, inBucket = Scheme.Plain(size, within).Withstood() + 1, lost = Scheme.Plain(buckets, across).Withstood() + 1;
        if (buckets < groups) Assert.That(scheme.Withstood() + 1, Is.EqualTo(inBucket * lost));
    }

    [Test]
    public void WorkIsThatOfEachBucketAndOfTheResults()
    {
        const long width = 1000;
        double buckets = 3 * Operations("median", 3) + (2 * Operations("median", 4)), across = Operations("krum", 5);
        Assert.That(new Scheme(51, 3, "median", "krum", "", 5).Work(1, width).Operations, Is.EqualTo(buckets + across));
        Assert.That(new Scheme(51, 3, "median", "krum", "", 17).Work(1, width).Operations, Is.EqualTo(Operations("krum", 17)));

        static double Operations(string rule, int rows) => Detox.Gpu.Aggregation.AggregationRule.Parse(rule, 1).Work(rows, width).Operations;
    }

    [TestCase("mean", "", 45, 45, 1, "average")]
    [TestCase("median", "", 45, 45, 1, "r = 1: median")]
    [TestCase("krum", "", 45, 45, 1, "r = 1: krum(f=4)")]
    [TestCase("krum(f=2)", "", 45, 15, 3, "DETOX, r = 3: krum(f=2)")]
    [TestCase("median", "nnm; arc", 45, 15, 3, "DETOX, r = 3: nnm, arc, median")]
    [TestCase("multi-krum", "", 45, 5, 3, "DETOX, r = 3: mean in 5 buckets, multi-krum(f=4)")]
    [TestCase("mean", "nnm", 45, 45, 1, "r = 1: nnm, mean")]
    public void Title(string across, string pre, int ranks, int buckets, int groupSize, string expected)
        => Assert.That(new Scheme(ranks, groupSize, "mean", across, pre, buckets).Title(4), Is.EqualTo(expected));

    [Test]
    public void TheLeastErrorIsReachedByNoRule()
    {
        // n - f rows at 0 and f at 1. The honest may be the zeros, whose variance is 0: so the result is 0. Or f zeros are wrong and the ones honest: then its distance from
        // their mean, f / (n - f), squared, is f / (n - 2f) times their variance, f (n - 2f) / (n - f)^2.
        foreach ((int n, int f) in ((int, int)[])[(15, 1), (15, 7), (45, 5), (45, 22)])
        {
            double mean = f / (double)(n - f), variance = f * (double)(n - (2 * f)) / ((n - f) * (double)(n - f));
            Assert.That(Forecast.LeastError(n, f), Is.EqualTo((mean * mean / variance) + (1.0 / (n - f))).Within(1e-12));
        }

        Assert.That(Forecast.LeastError(15, 0), Is.EqualTo(1.0 / 15));
        Assert.That(Forecast.LeastError(14, 7), Is.EqualTo(double.PositiveInfinity));
    }
}

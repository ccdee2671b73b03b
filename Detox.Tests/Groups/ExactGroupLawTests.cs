using System.Numerics;
using Detox.Mpi;
using Detox.Mpi.Groups;
using MathNet.Numerics.Distributions;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
internal sealed class ExactGroupLawTests
{
    private const double RoundingOfADouble = 1e-14;

    [Test]
    public void EqualsFullEnumeration()
    {
        foreach ((int p, int r) in new[] { (1, 1), (5, 1), (3, 3), (6, 3), (9, 3), (12, 3), (15, 3), (5, 5), (10, 5), (15, 5), (14, 7) })
        {
            var ways = new long[p + 1, (p / r) + 1];
            for (uint set = 0; set < 1u << p; set++)
            {
                int captured = 0;
                for (int group = 0; group < p / r; group++)
                {
                    if (BitOperations.PopCount((set >> (group * r)) & ((1u << r) - 1)) > r / 2) captured++;
                }
                ways[BitOperations.PopCount(set), captured]++;
            }
            for (int q = 0; q <= p; q++)
            {
                var law = ExactGroupLaw.Create(p, r, q);
                for (int c = 0; c <= p / r; c++) Assert.That(law.Ways(c), Is.EqualTo(new BigInteger(ways[q, c])), $"p {p}, r {r}, q {q}, c {c}");
                Assert.That(law.Ways(law.MaximumCaptured), Is.GreaterThan(BigInteger.Zero), "the bound is reached");
            }
        }
    }

    [Test]
    public void ProbabilitiesAddUpAndAgreeWithTheHypergeometricMean()
    {
        foreach ((int p, int r, int q) in new[] { (45, 3, 5), (45, 5, 9), (45, 9, 20), (99, 3, 40), (1005, 5, 100), (2001, 3, 300) })
        {
            var law = ExactGroupLaw.Create(p, r, q);
            double[] pmf = law.Pmf();
            // By linearity the mean is p/r times the chance that one group is captured.
            double mean = p / r * (1 - new Hypergeometric(p, q, r).CumulativeDistribution(r / 2));
            Assert.Multiple(() =>
            {
                Assert.That(pmf, Has.Length.EqualTo(law.MaximumCaptured + 1));
                Assert.That(pmf.Sum(), Is.EqualTo(1).Within(RoundingOfADouble * pmf.Length));
                Assert.That(law.AtLeast(0), Is.EqualTo(1));
                Assert.That(law.AtLeast(1), Is.EqualTo(1 - pmf[0]).Within(RoundingOfADouble));
                Assert.That(law.AtLeast(law.MaximumCaptured + 1), Is.Zero);
                // MathNet's distribution goes through logarithms of factorials.
                Assert.That(law.ExpectedCaptured, Is.EqualTo(mean).Within(1e-8 * Math.Max(1, mean)));
            });
        }
    }

    [Test]
    public void AgreesWithTheRandomPlacement()
    {
        const int Draws = 200_000;
        const double FiveStandardErrors = 5;
        var table = GroupTable.Create(45, 3, 1);
        var placement = Placement.Create("random", table, 5, 1);
        double[] pmf = ExactGroupLaw.Create(45, 3, 5).Pmf();
        var counts = new int[pmf.Length];
        for (int step = 0; step < Draws; step++) counts[PlacementTests.Captured(table, PlacementTests.Marks(placement, step))]++;
        for (int c = 0; c < pmf.Length; c++)
        {
            double error = Math.Sqrt(pmf[c] * (1 - pmf[c]) / Draws);
            Assert.That(counts[c] / (double)Draws, Is.EqualTo(pmf[c]).Within(FiveStandardErrors * error), $"{c} captured groups");
        }
    }

    [TestCase(45, 3, 5, 2)]
    [TestCase(45, 1, 5, 5)]
    [TestCase(45, 5, 5, 1)]
    [TestCase(45, 3, 1, 0)]
    [TestCase(45, 3, 0, 0)]
    [TestCase(45, 3, 45, 15)]
    [TestCase(45, 45, 22, 0)]
    [TestCase(45, 45, 23, 1)]
    public void Bound(int p, int r, int q, int bound) => Assert.That(ExactGroupLaw.Create(p, r, q).MaximumCaptured, Is.EqualTo(bound));

    [Test]
    public void TinyProbabilitiesKeepTheirDigits()
    {
        // One group captured at most, by 500 of 999 ranks that must all be in it: 1 / C(1998, 500) of the two groups' sets.
        var law = ExactGroupLaw.Create(1998, 999, 500);
        double expected = 2 * Math.Exp(LogBinomial(999, 500) - LogBinomial(1998, 500));
        Assert.That(law.Pmf()[1], Is.EqualTo(expected).Within(1e-9 * expected));
        Assert.That(expected, Is.GreaterThan(0));

        static double LogBinomial(int n, int k) => MathNet.Numerics.SpecialFunctions.BinomialLn(n, k);
    }

    [TestCase(44, 3, 1)]
    [TestCase(45, 4, 1)]
    [TestCase(45, 3, 46)]
    [TestCase(45, 3, -1)]
    public void ImpossibleNumbers(int p, int r, int q) => Assert.That(() => ExactGroupLaw.Create(p, r, q), Throws.TypeOf<DetoxException>());
}

using System.Numerics;
using Detox.Gpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Groups;
using MathNet.Numerics;
using MathNet.Numerics.Distributions;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class GroupLawTests
{
    private const double FiveStandardErrors = 5;
    private const int Draws = 1_000_000;

    /// <summary>Every number that the law holds, against quotients of integers.</summary>
    [TestCase(1, 1)]
    [TestCase(7, 7)]
    [TestCase(45, 1)]
    [TestCase(45, 3)]
    [TestCase(45, 5)]
    [TestCase(45, 9)]
    [TestCase(45, 15)]
    [TestCase(45, 45)]
    [TestCase(99, 11)]
    public void EqualsTheExactLawForEveryQ(int p, int r)
    {
        for (int q = 0; q <= p; q++) EqualsTheExactLaw(p, r, q, within: 1e-13);
    }

    [TestCase(1000, 5, 50)]
    [TestCase(1005, 15, 500)]
    [TestCase(2001, 3, 1)]
    [TestCase(2001, 3, 300)]
    [TestCase(2001, 3, 2000)]
    [TestCase(2001, 29, 700)]
    [TestCase(2001, 667, 900)]
    [TestCase(2001, 2001, 1001)]
    [TestCase(6003, 3, 200)]
    [TestCase(20_001, 3, 40)]
    public void EqualsTheExactLawOfManyRanks(int p, int r, int q) => EqualsTheExactLaw(p, r, q, within: 1e-11);

    [TestCase(99_999, 3, 33_000)]
    [TestCase(100_000, 5, 50_000)]
    [TestCase(99_999, 271, 49_999)]
    [TestCase(99_999, 99_999, 50_000)]
    public void TheMeanIsTheHypergeometricOne(int p, int r, int q)
    {
        // By linearity; MathNet's distribution goes through logarithms of factorials.
        CountLaw law = Captured(p, r, q);
        double mean = p / r * (1 - new Hypergeometric(p, q, r).CumulativeDistribution(r / 2));
        Assert.That(law.Mean, Is.EqualTo(mean).Within(1e-7 * mean));
        Assert.That(law.AtLeast(law.First), Is.EqualTo(1).Within(1e-12));
    }

    [TestCase(49_999, 20_000)]
    [TestCase(49_999, 49_990)]
    [TestCase(49_999, 60_000)]
    public void OfTwoLargeGroupsItIsTheHypergeometricLaw(int r, int q)
    {
        Hypergeometric inTheFirst = new(2 * r, q, r);
        double[] expected = new double[3];
        for (int b = inTheFirst.Minimum; b <= inTheFirst.Maximum; b++) expected[(b > r / 2 ? 1 : 0) + (q - b > r / 2 ? 1 : 0)] += inTheFirst.Probability(b);
        CountLaw law = Captured(2 * r, r, q);
        for (int c = 0; c <= 2; c++)
            if (expected[c] > 1e-30) Assert.That(law[c], Is.EqualTo(expected[c]).Within(1e-7 * expected[c]), $"{c}");
    }

    [TestCase(1000, 5, 50)]
    [TestCase(1000, 5, 120)]
    [TestCase(99_999, 3, 1000)]
    public void AgreesWithSeededDraws(int p, int r, int q)
    {
        const int streams = 8;
        CountLaw law = Captured(p, r, q);
        int[] counts = new int[(p / r) + 1];
        Parallel.For(0, streams, stream =>
        {
            SeededRandom random = new(1, (ulong)stream);
            int[] ranks = [.. Enumerable.Range(0, p)], inGroup = new int[p / r];
            for (int draw = 0; draw < Draws / streams; draw++)
            {
                // The first q of a shuffle.
                int captured = 0;
                for (int i = 0; i < q; i++)
                {
                    int other = i + random.NextInt(p - i);
                    (ranks[i], ranks[other]) = (ranks[other], ranks[i]);
                    if (++inGroup[ranks[i] / r] == (r + 1) / 2) captured++;
                }

                for (int i = 0; i < q; i++) inGroup[ranks[i] / r] = 0;

                Interlocked.Increment(ref counts[captured]);
            }
        });
        AgreesWith(law, counts);
    }

    /// <summary>Every set of Byzantine ranks and every set of ranks in error, with real ballots and the vote itself.</summary>
    [TestCase(4, 1)]
    [TestCase(6, 3)]
    [TestCase(9, 3)]
    [TestCase(5, 5)]
    [TestCase(10, 5)]
    [TestCase(7, 7)]
    public void OutcomesEqualFullEnumeration(int p, int r)
    {
        // By the Byzantine ranks, the ranks in error, and the wrong or void groups: how many pairs of sets.
        int groups = p / r;
        int[,,] wrong = new int[p + 1, p + 1, groups + 1], voids = new int[p + 1, p + 1, groups + 1];
        for (uint byzantine = 0; byzantine < 1u << p; byzantine++)
        {
            for (uint faulty = 0; faulty < 1u << p; faulty++)
            {
                (int ofWrong, int ofVoid) = Outcomes(p, r, byzantine, faulty);
                int q = BitOperations.PopCount(byzantine), errors = BitOperations.PopCount(faulty);
                wrong[q, errors, ofWrong]++;
                voids[q, errors, ofVoid]++;
            }
        }

        foreach (double rate in (double[])[0, 0.01, 0.3, 1])
        {
            for (int q = 0; q <= p; q++)
            {
                CountLaw lawOfWrong = GroupLaw.Struck(groups, q, GroupChances.Wrong(r, rate)), lawOfVoid = GroupLaw.Struck(groups, q, GroupChances.Void(r, rate));
                for (int c = 0; c <= groups; c++)
                {
                    Assert.That(lawOfWrong[c], Is.EqualTo(Probability(wrong)).Within(1e-13), $"{c} wrong groups, q {q}, rate {rate}");
                    Assert.That(lawOfVoid[c], Is.EqualTo(Probability(voids)).Within(1e-13), $"{c} void groups, q {q}, rate {rate}");

                    double Probability(int[,,] pairs)
                    {
                        double sum = 0;
                        for (int errors = 0; errors <= p; errors++) sum += pairs[q, errors, c] * Math.Pow(rate, errors) * Math.Pow(1 - rate, p - errors);
                        return sum / SpecialFunctions.Binomial(p, q);
                    }
                }
            }
        }
    }

    [TestCase(45, 3, 5, 0.02)]
    [TestCase(135, 5, 20, 0.1)]
    public void VoidsAgreeWithSeededDraws(int p, int r, int q, double rate)
    {
        int groups = p / r;
        int[] counts = new int[groups + 1];
        SeededRandom random = new(2);
        int[] ranks = [.. Enumerable.Range(0, p)], byzantine = new int[groups], faulty = new int[groups];
        for (int draw = 0; draw < Draws; draw++)
        {
            Array.Clear(byzantine);
            Array.Clear(faulty);
            for (int i = 0; i < p; i++)
            {
                if (i < q)
                {
                    int other = i + random.NextInt(p - i);
                    (ranks[i], ranks[other]) = (ranks[other], ranks[i]);
                    byzantine[ranks[i] / r]++;
                }
                else if (random.NextFloat() < rate)
                {
                    faulty[ranks[i] / r]++;
                }
            }

            int voids = 0;
            for (int group = 0; group < groups; group++)
                if (byzantine[group] <= r / 2 && byzantine[group] + faulty[group] > r / 2) voids++;
            counts[voids]++;
        }

        AgreesWith(GroupLaw.Struck(groups, q, GroupChances.Void(r, rate)), counts);
    }

    [Test]
    public void RareFaultsKeepTheirDigits()
    {
        // Two of three ranks, or three: 3 e^2 (1 - e) + e^3.
        foreach (double rate in (double[])[1e-12, 1e-6, 0.01, 0.5])
        {
            double two = (3 * rate * rate * (1 - rate)) + (rate * rate * rate), one = 1 - ((1 - rate) * (1 - rate));
            double[] chances = GroupChances.Void(3, rate);
            Assert.That(chances[0], Is.EqualTo(two).Within(1e-14 * two));
            Assert.That(chances[1], Is.EqualTo(one).Within(1e-14 + (1e-4 * rate * rate)));
            Assert.That(chances[2..], Is.All.Zero);

            // 15 groups: the probability of one is 15 times a group's, as long as two are too rare to count.
            CountLaw law = GroupLaw.Struck(15, 0, chances);
            Assert.That(law.Mean, Is.EqualTo(15 * two).Within(15e-13 * two));
            Assert.That(law.AtLeast(1), Is.EqualTo(-Math.Exp(15 * Log1p(-two)) + 1).Within(1e-15).Or.EqualTo(15 * two).Within(120 * two * two));
        }

        static double Log1p(double x) => Math.Abs(x) < 1e-5 ? x - (x * x / 2) : Math.Log(1 + x);
    }

    [TestCase(5, 0.001)]
    [TestCase(9, 0.2)]
    [TestCase(33, 0.05)]
    [TestCase(99, 0.6)]
    public void FaultsAreBinomial(int r, double rate)
    {
        double[] chances = GroupChances.Void(r, rate);
        int majority = (r + 1) / 2;
        for (int b = 0; b < majority; b++)
        {
            // P(X >= k) of n ranks is the regularized incomplete beta function of k and n - k + 1.
            double expected = SpecialFunctions.BetaRegularized(majority - b, r - majority + 1, rate);
            Assert.That(chances[b], Is.EqualTo(expected).Within(1e-11 * expected), $"b {b}");
        }
    }

    [Test]
    public void ThePapersExampleIsTheKnownOne()
    {
        CountLaw law = Captured(45, 3, 5);
        Assert.That((law.First, law.Last), Is.EqualTo((0, 2)));
        Assert.That(law.Probabilities.ToArray(), Is.EqualTo((double[])[0.597, 0.372, 0.031]).Within(5e-4));
        Assert.That(law.Mean, Is.EqualTo(0.433).Within(5e-4));
    }

    private static CountLaw Captured(int p, int r, int q) => GroupLaw.Struck(p / r, q, GroupChances.Wrong(r, 0));

    private static void EqualsTheExactLaw(int p, int r, int q, double within)
    {
        CountLaw law = Captured(p, r, q);
        double[] exact = ExactGroupLaw.Create(p, r, q).Pmf();
        double most = exact.Max();
        Assert.That(law.Last, Is.LessThan(exact.Length));
        for (int c = 0; c < exact.Length; c++)
        {
            if (c < law.First || c > law.Last) Assert.That(exact[c], Is.LessThan(1.0001e-40 * most), $"p {p}, r {r}, q {q}: {c} is left out");
            else Assert.That(law[c], Is.EqualTo(exact[c]).Within(within * exact[c]), $"p {p}, r {r}, q {q}, c {c}");
        }
    }

    private static (int Wrong, int Void) Outcomes(int p, int r, uint byzantine, uint faulty)
    {
        int wrong = 0, voids = 0;
        Span<Ballot> ballots = stackalloc Ballot[r];
        for (int group = 0; group < p / r; group++)
        {
            for (int i = 0; i < r; i++)
            {
                int rank = (group * r) + i;
                ballots[i] = Of((byzantine >> rank & 1) != 0 ? 1 : (faulty >> rank & 1) != 0 ? 2 + rank : 0);
            }

            int winner = Vote.Majority(ballots);
            if (winner < 0) voids++;
            else if (ballots[winner] != Of(0)) wrong++;
        }

        return (wrong, voids);
    }

    private static readonly Ballot[] _ballots = [.. Enumerable.Range(0, 32).Select(number => Ballot.Of([.. Enumerable.Repeat((byte)(number + 1), Ballot.Bytes)]))];

    private static Ballot Of(int number) => _ballots[number];

    /// <summary>Each number that is drawn often is within five standard errors, and so are all together, by chi-square.</summary>
    private static void AgreesWith(CountLaw law, int[] counts)
    {
        const int often = 10;
        double square = 0, rest = 0;
        int cells = 0, drawnRest = 0;
        for (int c = 0; c < counts.Length; c++)
        {
            double expected = law[c] * Draws;
            if (expected == 0) Assert.That(counts[c], Is.Zero, $"{c} cannot be");
            if (expected < often)
            {
                rest += expected;
                drawnRest += counts[c];
                continue;
            }

            Assert.That(counts[c], Is.EqualTo(expected).Within(FiveStandardErrors * Math.Sqrt(expected)), $"{c}");
            square += (counts[c] - expected) * (counts[c] - expected) / expected;
            cells++;
        }

        Assert.That(counts.Sum(), Is.EqualTo(Draws));
        Assert.That(drawnRest, Is.EqualTo(rest).Within((FiveStandardErrors * Math.Sqrt(rest)) + often), "the rare numbers together");
        Assert.That(square, Is.LessThan(ChiSquared.InvCDF(cells - 1, 1 - 1e-6)));
    }
}

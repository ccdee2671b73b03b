using Detox.Gpu;
using Detox.Mpi.Groups;
using MathNet.Numerics.Distributions;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
internal sealed class CountLawTests
{
    [Test]
    public void WeightsBecomeProbabilities()
    {
        CountLaw law = new(3, [1, 2, 1]);
        Assert.That(Enumerable.Range(2, 5).Select(count => law[count]), Is.EqualTo((double[])[0, 0.25, 0.5, 0.25, 0]));
        Assert.That((law.First, law.Last, law.Mean), Is.EqualTo((3, 5, 4)));
        Assert.That(Enumerable.Range(2, 5).Select(law.AtLeast), Is.EqualTo((double[])[1, 1, 0.75, 0.25, 0]));
        Assert.That(law.Expect(count => count * count), Is.EqualTo(16.5));
        foreach (double[] weights in (double[][])[[], [0], [double.NaN], [double.PositiveInfinity], [-1]])
            Assert.That(() => new CountLaw(0, weights), Throws.ArgumentException);
    }

    [TestCase(1, 0.5)]
    [TestCase(20, 0)]
    [TestCase(20, 1)]
    [TestCase(20, 0.3)]
    [TestCase(20_000, 0.001)]
    [TestCase(20_000, 0.9)]
    public void GroupsByThemselvesAreBinomial(int groups, double chance)
    {
        CountLaw law = GroupLaw.Binomial(groups, chance);
        for (int count = 0; count <= groups; count++)
        {
            double expected = Binomial.PMF(chance, groups, count);
            if (law[count] > 0) Assert.That(law[count], Is.EqualTo(expected).Within(1e-9 * expected), $"{count}");
            else Assert.That(expected, Is.LessThan(1e-38), $"{count} is left out");
        }

        Assert.That(law.Mean, Is.EqualTo(groups * chance).Within(1e-12 * groups));
    }

    [Test]
    public void TheSumOfTwoIsTheOneOfAll()
    {
        CountLaw whole = GroupLaw.Binomial(50, 0.1), sum = GroupLaw.Binomial(20, 0.1).Plus(GroupLaw.Binomial(30, 0.1)).Plus(CountLaw.Certain(0));
        for (int count = 0; count <= 50; count++) Assert.That(sum[count], Is.EqualTo(whole[count]).Within((1e-12 * whole[count]) + 1e-40));
        Assert.That(CountLaw.Certain(4).Plus(whole).First, Is.EqualTo(4));
    }

    /// <summary>Each placement's law is that of the ranks that it marks, over its seeds.</summary>
    [Test]
    public void APlacementsLawIsThatOfItsMarks(
        [ValueSource(typeof(CountLawTests), nameof(Placements))] string name, [Values(3, 5)] int groupSize, [Values(0, 2, 4, 7, 11, 15)] int q)
    {
        const int draws = 20_000;
        const double faultRate = 0.2, fiveStandardErrors = 5;
        GroupTable groups = GroupTable.Create(15, groupSize, 7);
        int[] wrong = new int[groups.GroupCount + 1], voids = new int[groups.GroupCount + 1];
        SeededRandom random = new(3);
        bool[] marks = new bool[15];
        for (ulong seed = 0; seed < draws; seed++)
        {
            Placement.Create(name, groups, q, seed).Byzantine(5, marks);
            int ofWrong = 0, ofVoid = 0;
            for (int group = 0; group < groups.GroupCount; group++)
            {
                int byzantine = 0, right = 0;
                foreach (int rank in groups.Members(group))
                {
                    if (marks[rank]) byzantine++;
                    else if (random.NextFloat() >= faultRate) right++;
                }

                if (byzantine >= groups.Majority) ofWrong++;
                else if (right < groups.Majority) ofVoid++;
            }

            wrong[ofWrong]++;
            voids[ofVoid]++;
        }

        Placement placement = Placement.Create(name, groups, q, 1);
        foreach ((CountLaw law, int[] counts) in ((CountLaw, int[])[])[(placement.Struck(GroupChances.Wrong(groupSize, faultRate)), wrong), (placement.Struck(GroupChances.Void(groupSize, faultRate)), voids)])
            for (int count = 0; count < counts.Length; count++)
                Assert.That(counts[count] / (double)draws, Is.EqualTo(law[count]).Within(fiveStandardErrors * Math.Sqrt(law[count] * (1 - law[count]) / draws) + 1e-12), $"{count}");
    }

    private static IEnumerable<string> Placements() => Placement.Known.Names;
}

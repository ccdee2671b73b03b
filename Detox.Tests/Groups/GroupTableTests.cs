using Detox.Mpi;
using Detox.Mpi.Groups;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
internal sealed class GroupTableTests
{
    [TestCase(1, 1)]
    [TestCase(3, 3)]
    [TestCase(45, 1)]
    [TestCase(45, 3)]
    [TestCase(45, 5)]
    [TestCase(45, 45)]
    public void EveryRankHasOneGroup(int ranks, int groupSize)
    {
        var table = GroupTable.Create(ranks, groupSize, 1);
        Assert.That((table.Ranks, table.GroupSize, table.GroupCount, table.Majority), Is.EqualTo((ranks, groupSize, ranks / groupSize, (groupSize / 2) + 1)));
        var seen = new List<int>();
        for (int group = 0; group < table.GroupCount; group++)
        {
            int[] members = table.Members(group).ToArray();
            Assert.That(members, Has.Length.EqualTo(groupSize));
            Assert.That(members, Is.Ordered.Ascending);
            foreach (int rank in members) Assert.That(table.GroupOf(rank), Is.EqualTo(group));
            seen.AddRange(members);
        }
        Assert.That(seen, Is.EquivalentTo(Enumerable.Range(0, ranks)));
    }

    [TestCase(1, new[] { 1 })]
    [TestCase(3, new[] { 2, 3 })]
    [TestCase(5, new[] { 3, 4, 5 })]
    public void AMajorityIsMoreThanHalfOfTheGroupsOwnRanks(int groupSize, int[] wins)
    {
        var table = GroupTable.Create(3 * groupSize, groupSize, 1);
        for (int marked = 0; marked <= groupSize; marked++)
        {
            // All ranks of another group are marked, and so many of this one.
            var marks = new bool[table.Ranks];
            foreach (int rank in table.Members(0)) marks[rank] = true;
            foreach (int rank in table.Members(1)[..marked]) marks[rank] = true;
            Assert.That((table.HasMajority(0, marks), table.HasMajority(1, marks), table.HasMajority(2, marks)), Is.EqualTo((true, wins.Contains(marked), false)));
        }
    }

    [Test]
    public void SeedDecides()
    {
        Assert.That(Groups(1), Is.EqualTo(Groups(1)));
        Assert.That(Groups(1), Is.Not.EqualTo(Groups(2)));

        static int[] Groups(ulong seed)
        {
            var table = GroupTable.Create(45, 3, seed);
            return [.. Enumerable.Range(0, 45).Select(table.GroupOf)];
        }
    }

    [TestCase(45, 2, "--group-size 2", "try 3")]
    [TestCase(45, 0, "--group-size 0", "try 1")]
    [TestCase(45, -3, "--group-size -3", "odd")]
    [TestCase(44, 3, "--ranks 44", "42 or 45")]
    [TestCase(2, 3, "--ranks 2", "try 3")]
    [TestCase(0, 3, "--ranks 0", "try 3")]
    [TestCase(-3, 3, "--ranks -3", "try 3")]
    public void ImpossibleForms(int ranks, int groupSize, string what, string hint)
    {
        DetoxException error = Assert.Throws<DetoxException>(() => GroupTable.Create(ranks, groupSize, 1))!;
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
        Assert.That(error.Message, Does.Contain(what).And.Contain(hint));
    }
}

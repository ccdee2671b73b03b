using Detox.Mpi;
using Detox.Mpi.Groups;
using NUnit.Framework;

namespace Detox.Tests.Groups;

[TestFixture]
internal sealed class PlacementTests
{
    [Test]
    public void ExactlyQRanks([Values("random", "fixed", "worst")] string name, [Values(0, 1, 2, 5, 44, 45)] int q, [Values(1, 3, 9, 45)] int groupSize)
    {
        var placement = Placement.Create(name, GroupTable.Create(45, groupSize, 1), q, 1);
        for (long step = 0; step < 20; step++) Assert.That(Marks(placement, step).Count(b => b), Is.EqualTo(q));
    }

    [Test]
    public void WorstCapturesAsManyAsQAllows([Values(1, 3, 5, 9, 15, 45)] int groupSize)
    {
        var table = GroupTable.Create(45, groupSize, 2);
        for (int q = 0; q <= 45; q++)
        {
            for (ulong seed = 0; seed < 5; seed++)
            {
                int captured = Captured(table, Marks(Placement.Create("worst", table, q, seed), 0));
                Assert.That(captured, Is.EqualTo(ExactGroupLaw.Create(45, groupSize, q).MaximumCaptured), $"q = {q}, seed {seed}");
            }
        }
    }

    [Test]
    public void FixedAndWorstStayAndRandomMoves()
    {
        var table = GroupTable.Create(45, 3, 1);
        foreach (string name in (string[])["fixed", "worst"])
        {
            var placement = Placement.Create(name, table, 5, 1);
            Assert.That(placement.Moves, Is.False);
            Assert.That(Marks(placement, 99), Is.EqualTo(Marks(placement, 0)));
            Assert.That(Marks(Placement.Create(name, table, 5, 2), 0), Is.Not.EqualTo(Marks(placement, 0)));
        }
        var random = Placement.Create("random", table, 5, 1);
        Assert.That(random.Moves, Is.True);
        Assert.That(Marks(random, 99), Is.Not.EqualTo(Marks(random, 0)));
        Assert.That(Marks(random, 7), Is.EqualTo(Marks(Placement.Create("random", table, 5, 1), 7)));
    }

    [Test]
    public void RandomIsUniformOverSets()
    {
        // All 10 sets of 2 of 5 ranks, 20,000 draws: the standard deviation of a count is 42.
        var placement = Placement.Create("random", GroupTable.Create(5, 1, 1), 2, 3);
        var counts = new Dictionary<string, int>();
        for (long step = 0; step < 20_000; step++)
        {
            string set = string.Concat(Marks(placement, step, 5).Select(b => b ? '1' : '0'));
            counts[set] = counts.GetValueOrDefault(set) + 1;
        }
        Assert.That(counts, Has.Count.EqualTo(10));
        Assert.That(counts.Values, Is.All.InRange(2000 - 210, 2000 + 210));
    }

    [Test]
    public void AnyRankMayBeByzantine([Values("random", "fixed", "worst")] string name)
    {
        // Two of 45 ranks under 1,000 seeds: that one of them is never drawn, where all are equally likely, has a chance below 1e-18.
        bool[] ever = new bool[45];
        for (ulong seed = 0; seed < 1000; seed++)
        {
            bool[] marks = Marks(Placement.Create(name, GroupTable.Create(45, 3, 1), 2, seed), 0);
            for (int rank = 0; rank < 45; rank++) ever[rank] |= marks[rank];
        }
        Assert.That(ever, Is.All.True);
    }

    [Test]
    public void NothingIsAllocatedInAStep([Values("random", "fixed", "worst")] string name)
    {
        var placement = Placement.Create(name, GroupTable.Create(45, 3, 1), 5, 1);
        var marks = new bool[45];
        placement.Byzantine(0, marks);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 0; step < 100; step++) placement.Byzantine(step, marks);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void UnknownNameListsTheKnown([Values("", "Worst", "best")] string name)
    {
        FormatException error = Assert.Throws<FormatException>(() => Placement.Create(name, GroupTable.Create(3, 3, 1), 1, 1))!;
        Assert.That(error.Message, Does.Contain($"there is no placement '{name}'; there are random, fixed, worst"));
    }

    [Test]
    public void WrongNumbers([Values("random", "fixed", "worst")] string name)
    {
        var table = GroupTable.Create(45, 3, 1);
        foreach (int q in (int[])[-1, 46])
        {
            DetoxException error = Assert.Throws<DetoxException>(() => Placement.Create(name, table, q, 1))!;
            Assert.That(error.Message, Does.Contain($"--byzantine {q}").And.Contain("0 to 45"));
        }
        foreach (int marks in (int[])[44, 46])
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => Placement.Create(name, table, 5, 1).Byzantine(0, new bool[marks]))!;
            Assert.That(error.Message, Does.Contain($"expected 45 marks, found {marks}"));
        }
    }

    internal static bool[] Marks(Placement placement, long step, int ranks = 45)
    {
        var marks = new bool[ranks];
        marks.AsSpan().Fill(true); // what was there before must not matter
        placement.Byzantine(step, marks);
        return marks;
    }

    internal static int Captured(GroupTable table, bool[] isByzantine)
    {
        int captured = 0;
        for (int group = 0; group < table.GroupCount; group++)
        {
            int inGroup = 0;
            foreach (int rank in table.Members(group)) inGroup += isByzantine[rank] ? 1 : 0;
            if (inGroup >= table.Majority) captured++;
        }
        return captured;
    }
}

using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What is written down of a step.</summary>
public sealed class StepRecordTests
{
    [Test]
    public void WrongMessagesThatAreAlikeAreOneBlame()
    {
        StepRecord record = new();
        Blame blame = new(7, 3, 1, Fault.Protocol);
        Blame[] others = [blame with { Step = 6 }, blame with { Rank = 4 }, blame with { Fault = Fault.Dissent }];
        record.Add(blame);
        record.Add(blame with { Index = 5 });
        foreach (Blame other in others) record.Add(other);
        Assert.That(record.Blames, Is.EqualTo((Blame[])[blame, .. others]));
    }

    [Test]
    public void ARankIsCountedOnceAStepAndOnlyInItsOwn()
    {
        StepRecord record = new();
        record.Clear(7);
        record.Add(new Blame(6, 3, 1, Fault.NoAnswer));
        record.Add(new Blame(7, 3, 1, Fault.Protocol));
        record.Add(new Blame(7, 4, 1, Fault.Dissent));
        record.Add(new Blame(7, 3, 1, Fault.Dissent));
        record.Add(new Blame(8, 5, 1, Fault.Dissent));
        Assert.That(Enumerable.Range(0, 5).Select(record.IsFirstOfItsRank), Is.EqualTo((bool[])[false, true, true, false, false]));
    }

    [Test]
    public void TheAttacksOwnSecondsAreNotTheMethods()
    {
        StepRecord record = new();
        record.Seconds[(int)Phase.Compute] = 1;
        record.Seconds[(int)Phase.Attack] = 16;
        record.Seconds[(int)Phase.Vote] = 2;
        record.Seconds[(int)Phase.Broadcast] = 4;
        Assert.That(record.MethodSeconds, Is.EqualTo(7));
    }

    [Test]
    public void ANewStepBeginsWithNothing()
    {
        StepRecord record = new() { Loss = 1, LearningRate = 1, Skipped = "why", Diverged = true, VectorBytes = 5 };
        record.Add(new Blame(6, 3, 1, Fault.Absent));
        record.Notices.Add("a sentence");
        foreach (List<int> ranks in (List<int>[])[record.Voids, record.VoidsByTime, record.Missing]) ranks.Add(2);
        record.Seconds[(int)Phase.Vote] = 3;
        record.Clear(7);
        Assert.That((record.Step, record.Loss, record.LearningRate), Is.EqualTo((7L, float.NaN, float.NaN)));
        Assert.That((record.Skipped, record.Diverged, record.VectorBytes, record.MethodSeconds), Is.EqualTo(((string?)null, false, 0L, 0.0)));
        Assert.That(record.Voids.Concat(record.VoidsByTime).Concat(record.Missing), Is.Empty);
        Assert.That((record.Blames.Count, record.Notices.Count), Is.EqualTo((0, 0)));
    }
}

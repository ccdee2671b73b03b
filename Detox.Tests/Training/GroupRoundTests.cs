using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What rank 0 keeps of a group.</summary>
public sealed class GroupRoundTests
{
    [Test]
    public void ANewStepKnowsNothingOfTheLast()
    {
        GroupRound round = new(group: 4, leafBytes: 64) { State = GroupState.Void, Source = 3, IsRepeated = true, IsVoidByTime = true };
        round.Tried.Add(3);
        round.Clear();
        Assert.That((round.State, round.Source, round.IsRepeated, round.IsVoidByTime), Is.EqualTo((GroupState.Voting, -1, false, false)));
        Assert.That(round.Tried, Is.Empty);
    }
}

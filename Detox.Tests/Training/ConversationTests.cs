using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>What a rank owes rank 0, and when it is let to a further step.</summary>
public sealed class ConversationTests
{
    private static readonly Ballot _ballot = Ballot.Of([1, 2, 3]);

    [Test]
    public void AVotePaysForItsStepAndOlderOnes() => With(rank =>
    {
        Assert.That(rank.Owes, Is.False);
        Assert.That(rank.NewestOwed, Is.EqualTo(-1));
        for (int step = 3; step <= 5; step++) rank.Owe(step);
        Assert.That(rank.NewestOwed, Is.EqualTo(5));
        rank.Pay(4);
        Assert.That((rank.OwesBallotOf(3), rank.OwesBallotOf(4), rank.OwesBallotOf(5)), Is.EqualTo((false, false, true)));
        rank.Pay(2);
        Assert.That(rank.NewestOwed, Is.EqualTo(5), "an older step pays for no newer one");
        rank.Pay(5);
        Assert.That(rank.Owes, Is.False);
        Assert.That(rank.Overdue, Is.EqualTo(TimeSpan.Zero));
    });

    [Test]
    public void ALateVoteIsHeldAgainstTheMajorityOfItsOwnStep() => With(rank =>
    {
        for (int step = 3; step <= 5; step++) rank.Owe(step);
        rank.Remember(4, _ballot);
        rank.Remember(3, Ballot.Of([9]));
        rank.Remember(6, Ballot.Of([8]));
        rank.Remember(2, Ballot.Of([7]));
        Assert.That(rank.Pay(3), Is.EqualTo(Ballot.Of([9])));
        Assert.That(rank.Pay(4), Is.EqualTo(_ballot));
        Assert.That(rank.Pay(5), Is.Null, "a step that is not over");
        Assert.That(rank.Pay(6), Is.Null, "a step that it was not let to");
    });

    [Test]
    public void FourAreOfferedToWhoeverDoesNotAnswer() => With(rank =>
    {
        int step = 0;
        for (; step < 4; step++)
        {
            Assert.That(rank.MayBeOffered(step), Is.True);
            Assert.That(rank.MayProceed(step), Is.True);
            rank.Owe(step);
            Assert.That(rank.MayBeOffered(step), Is.False, "it was let to this step already");
        }

        Assert.That(rank.MayBeOffered(step), Is.False);
        Assert.That(rank.MayProceed(step), Is.False);
        rank.Pay(0);
        Assert.That(rank.MayProceed(step), Is.True, "it has voted in one of them");
        rank.Pay(3);
        Assert.That(rank.MayProceed(3), Is.True, "it owes nothing");
    });

    [Test]
    public void OfASpareRankSixteenMayBeLeft() => With(rank =>
    {
        rank.IsSpare = true;
        int step = 0;
        for (; step < 16; step++)
        {
            Assert.That(rank.MayProceed(step), Is.True, $"step {step}");
            rank.Owe(step);
            Assert.That(rank.IsHere, Is.True, "it is free to leave them");
        }

        Assert.That(rank.MayProceed(step), Is.False);
        Assert.That(rank.Overdue, Is.EqualTo(TimeSpan.Zero));
    });

    [Test]
    public void ASpareRankThatIsCalledOwesTheNewestStep() => With(rank =>
    {
        rank.IsSpare = true;
        rank.Owe(1);
        rank.Owe(2);
        rank.Call();
        Assert.That(rank.IsSpare, Is.False);
        Assert.That(rank.IsHere, Is.False);
        Thread.Sleep(20);
        Assert.That(rank.Overdue.TotalMilliseconds, Is.GreaterThan(10));
        for (int step = 3; step <= 5; step++)
        {
            Assert.That(rank.MayBeOffered(step), Is.True, "one of four is owed, the others were free");
            rank.Owe(step);
        }

        Assert.That(rank.MayBeOffered(6), Is.False);
        rank.Pay(2);
        rank.Pay(5);
        Assert.That(rank.IsHere, Is.True);
        rank.IsAbsent = true;
        Assert.That(rank.IsHere, Is.False);
    });

    [Test]
    public void WhoLeavesAQuestionIsAskedLastForAWhile() => With(rank =>
    {
        Assert.That(rank.LeavesQuestions(0), Is.False);
        rank.LeftQuestionIn = 0;
        Assert.That((rank.LeavesQuestions(1), rank.LeavesQuestions(63), rank.LeavesQuestions(64)), Is.EqualTo((true, true, false)));
        rank.LeftQuestionIn = 10;
        Assert.That((rank.LeavesQuestions(11), rank.LeavesQuestions(73), rank.LeavesQuestions(74)), Is.EqualTo((true, true, false)));
        Assert.That(rank.ErredIn, Is.EqualTo(10));
        rank.DissentedIn = 12;
        Assert.That(rank.ErredIn, Is.EqualTo(12));
    });

    private static void With(Action<Conversation> body) => InProcessWorld.Run(1, world => body(new Conversation(world, 0, 0, "here")));
}

using Detox.Mpi.Attacks;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Ranks that misbehave in how they speak: the weights stay those of a run without any attack, and each is named for what it did.</summary>
public sealed class ProtocolAttackTests
{
    private static readonly TrainOptions _run = TrainInProcess.Small with
    {
        Ranks = 15,
        GroupSize = 5,
        Byzantine = 2,
        Placement = "fixed",
        Steps = 6,
        Patience = 1,
    };

    private RunFiles _clean = null!;

    private static IEnumerable<string> Names => Attack.Known.Names.Where(AttackFaults.IsOnProtocol);

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (string name in Names)
            foreach (string placement in (string[])["fixed", "random"])
                foreach (Wait wait in (Wait[])[Wait.All, Wait.Majority])
                    yield return new TestCaseData(name, placement, wait);
    }

    [OneTimeSetUp]
    public void TrainWithoutAttack() => _clean = TrainInProcess.Run(_run);

    [Test]
    public void EveryAttackHasItsFaults() => Assert.That(AttackFaults.Attacks, Is.EquivalentTo(Attack.Known.Names));

    [TestCaseSource(nameof(Cases))]
    public void NoBitChangesAndOnlyAttackersAreNamed(string attack, string placement, Wait wait)
    {
        TrainOptions options = Attacked(attack) with { Placement = placement, Wait = wait };
        RunFiles run = TrainInProcess.Run(options);
        Assert.That(run.Weights, Is.EqualTo(_clean.Weights));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);
        AttackFaults.AssertOnlyAttackersAreNamed(run, options, attack, mayBeLate: wait == Wait.Majority);
    }

    /// <summary>Where a step waits for all, whoever does wrong in every step is named in every step; whoever is never heard again, once.</summary>
    [TestCaseSource(nameof(Names))]
    public void EachAttackerIsNamed(string attack)
    {
        if (!AttackFaults.NamesAll(attack)) Assert.Pass("this attack need leave no trace in one process");
        TrainOptions options = Attacked(attack);
        RunFiles run = TrainInProcess.Run(options);
        AttackFaults.AssertOnlyAttackersAreNamed(run, options, attack);
        AttackFaults.AssertEachAttackerIsNamed(run, options, attack);
    }

    [Test]
    public void AnAbsentRankIsMissedInEveryStep()
    {
        RunFiles run = TrainInProcess.Run(Attacked("stop"));
        int[] absent = [.. Enumerable.Range(0, _run.Ranks!.Value).Where(rank => AttackFaults.Byzantine(_run, 0)[rank])];
        for (int step = 0; step < run.Steps.Count; step++)
        {
            int[] missing = [.. run.Steps[step].GetProperty("missing").EnumerateArray().Select(rank => rank.GetInt32())];
            Assert.That(missing, Is.EqualTo(step == 0 ? [] : absent), $"step {step}");
        }
    }

    [Test]
    public void AGroupWhoseMajorityIsAbsentIsVoidByTime()
    {
        TrainOptions options = Attacked("stop") with { Byzantine = 3, Placement = "worst" };
        RunFiles run = TrainInProcess.Run(options);
        for (int step = 0; step < run.Steps.Count; step++)
        {
            Assert.That(run.Steps[step].GetProperty("void_by_time").GetArrayLength(), Is.EqualTo(step == 0 ? 0 : 1), $"step {step}");
            Assert.That(run.Steps[step].GetProperty("voids").GetArrayLength(), Is.EqualTo(step == 0 ? 0 : 1), $"step {step}");
        }
    }

    [Test]
    public void AGroupThatDisagreesIsVoidButNotByTime()
    {
        RunFiles run = TrainInProcess.Run(Attacked("nan") with { Byzantine = 3, Placement = "worst" });
        Assert.That(run.Steps.Select(step => step.GetProperty("voids").GetArrayLength()), Is.All.EqualTo(1));
        Assert.That(run.Steps.Select(step => step.GetProperty("void_by_time").GetArrayLength()), Is.All.Zero);
    }

    [Test]
    public void AStepThatNeedsOnlyMajoritiesDoesNotWaitForTheSlow()
    {
        TrainOptions slow = _run with { Attack = "slow(seconds=0.5)", Patience = 30 };
        RunFiles all = TrainInProcess.Run(slow), majority = TrainInProcess.Run(slow with { Wait = Wait.Majority });
        Assert.That(Median(all), Is.GreaterThan(0.45));
        Assert.That(Median(majority), Is.LessThan(0.25));
        Assert.That(majority.Weights, Is.EqualTo(_clean.Weights));
        Assert.That(majority.Blame, Is.Empty, "to be late is no fault");

        static double Median(RunFiles run) => run.Result.GetProperty("median_step_seconds").GetDouble();
    }

    private static TrainOptions Attacked(string attack) => _run with { Attack = AttackFaults.Text(attack) };
}

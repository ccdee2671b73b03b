using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
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

    /// <summary>For each attack on the protocol the faults that its ranks may be named for; none where it leaves no trace in one process.</summary>
    private static readonly Dictionary<string, string[]> _faults = new()
    {
        ["silent"] = ["vector-mismatch"],
        ["equivocate"] = ["dissent", "false-leaves"],
        ["mute"] = ["no-answer"],
        ["long"] = ["protocol"],
        ["short"] = ["protocol"],
        ["flood"] = ["protocol"],
        ["stale"] = ["protocol"],
        ["garbage"] = ["protocol"],
        ["copycat"] = ["dissent", "false-leaves"],
        ["liar"] = ["dissent", "false-leaves"],
        ["relay"] = [],
        ["slow"] = [],
        ["stop"] = ["absent"],
        ["die"] = ["absent"],
    };

    private RunFiles _clean = null!;

    private static IEnumerable<string> Names => Attack.Known.Names.Where(name => Attack.Parse(name) is ProtocolAttack);

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
    public void EveryProtocolAttackHasItsFaults() => Assert.That(_faults.Keys, Is.EquivalentTo(Names));

    [TestCaseSource(nameof(Cases))]
    public void NoBitChangesAndOnlyAttackersAreNamed(string attack, string placement, Wait wait)
    {
        TrainOptions options = Attacked(attack) with { Placement = placement, Wait = wait };
        RunFiles run = TrainInProcess.Run(options);
        Assert.That(run.Weights, Is.EqualTo(_clean.Weights));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);
        foreach (string[] row in run.Blame)
        {
            // What comes too much, or late, may come when its step is over.
            long step = long.Parse(row[0]), first = row[3] == "protocol" || wait == Wait.Majority ? 0 : step;
            bool isByzantine = Enumerable.Range((int)first, (int)(step - first) + 1).Any(s => Byzantine(options, s)[int.Parse(row[1])]);
            Assert.That(isByzantine, Is.True, $"rank {row[1]} did nothing wrong in step {row[0]}: {row[3]}");
            Assert.That(_faults[attack], Does.Contain(row[3]), $"rank {row[1]} in step {row[0]}");
        }
    }

    /// <summary>Where a step waits for all, whoever does wrong in every step is named in every step; whoever is never heard again, once.</summary>
    [TestCaseSource(nameof(Names))]
    public void EachAttackerIsNamed(string attack)
    {
        if (_faults[attack].Length == 0) Assert.Pass("this attack leaves no trace in one process");
        TrainOptions options = Attacked(attack);
        RunFiles run = TrainInProcess.Run(options);
        bool[] byzantine = Byzantine(options, 0);
        for (int rank = 0; rank < byzantine.Length; rank++)
        {
            // A silent rank is found out only where it has to send, which time decides.
            int named = run.Blame.Count(row => row[1] == $"{rank}");
            if (!byzantine[rank]) Assert.That(named, Is.Zero, $"rank {rank}");
            else if (attack is "stop" or "die") Assert.That(named, Is.EqualTo(1), $"rank {rank}");
            else if (attack is "stale") Assert.That(named, Is.EqualTo(options.Steps - 1), $"rank {rank}: its first step has none before it");
            else if (attack is not "silent") Assert.That(named, Is.EqualTo(options.Steps), $"rank {rank}");
        }
    }

    [Test]
    public void AnAbsentRankIsMissedInEveryStep()
    {
        RunFiles run = TrainInProcess.Run(Attacked("stop"));
        int[] absent = [.. Enumerable.Range(0, _run.Ranks!.Value).Where(rank => Byzantine(_run, 0)[rank])];
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

    private static TrainOptions Attacked(string attack) => _run with { Attack = attack == "slow" ? "slow(seconds=0.05)" : attack };

    private static bool[] Byzantine(TrainOptions options, long step)
    {
        GroupTable groups = GroupTable.Create(options.Ranks!.Value, options.GroupSize, options.Seed);
        bool[] byzantine = new bool[options.Ranks!.Value];
        Placement.Create(options.Placement, groups, options.Byzantine!.Value, options.Seed).Byzantine(step, byzantine);
        return byzantine;
    }
}

using Detox.Mpi;
using Detox.Mpi.Training;
using Detox.Tests.Checkpoints;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>A rank that is wrong too often is asked no more; its group goes on with the rest, and the next start knows of it.</summary>
public sealed class QuarantineTests
{
    private const int Attacker = 7;
    private static readonly TrainOptions _options = TrainInProcess.Small with
    {
        Steps = 12,
        Byzantine = 1,
        Attack = "bit-flip",
        Placement = "fixed",
        Quarantine = new QuarantineRule(3, 5),
    };

    [TestCase("3/10", 3, 10)]
    [TestCase("1/1", 1, 1)]
    [TestCase("none", 0, 0)]
    public void ARuleIsFaultsOfSteps(string text, int faults, int steps)
    {
        QuarantineRule rule = QuarantineRule.Parse(text);
        Assert.That((rule.Faults, rule.Steps, rule.ToString()), Is.EqualTo((faults, steps, text)));
    }

    [TestCase("4/3")]
    [TestCase("0/3")]
    [TestCase("3")]
    [TestCase("a/b")]
    public void AllElseIsRefused(string text) => Assert.Throws<FormatException>(() => QuarantineRule.Parse(text));

    [TestCase(Wait.All)]
    [TestCase(Wait.Majority)]
    public void TheGroupGoesOnWithTheRestAndNoBitChanges(Wait wait)
    {
        RunFiles run = TrainInProcess.Run(_options with { Wait = wait });
        Assert.That(run.Weights, Is.EqualTo(TrainInProcess.Run(_options with { Attack = "none", Byzantine = 0, Quarantine = default }).Weights));
        Assert.That(run.Blame.Select(row => row[1]), Is.All.EqualTo($"{Attacker}"));
        Assert.That(run.Steps.Sum(step => step.GetProperty("voids").GetArrayLength()), Is.Zero);

        // Where majorities suffice, others may be missing as well, and what came late is blamed beside the three that count.
        Assert.That(run.Blame, wait == Wait.All ? Has.Count.EqualTo(3) : Has.Count.AtLeast(3));
        if (wait == Wait.All) Assert.That(run.Steps.Sum(step => step.GetProperty("missing").GetArrayLength()), Is.Zero);
        Assert.That(File.ReadAllText(Path.Combine(run.Folder, "quarantine.txt")), Is.EqualTo(Environment.MachineName + "\n"));
    }

    [Test]
    public void FaultsThatAreFurtherApartAreNoReason()
        => Assert.That(File.Exists(Path.Combine(TrainInProcess.Run(_options with { Placement = "random", Quarantine = new QuarantineRule(12, 12) }).Folder, "quarantine.txt")), Is.False);

    /// <summary>Two attackers of three send what is no ballot; the third has nobody to vote with.</summary>
    [Test]
    public void AGroupWithFewerThanTwoEndsTheRunAndSoDoesTheNextStartOnThatHost()
    {
        TrainOptions options = _options with { Attack = "garbage", Placement = "worst", Byzantine = 2, OnVoid = OnVoid.Skip };
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        TrainOptions resolved = (options with { Out = folder, Name = "run" }).Resolve(launchedRanks: null, cores: 2);
        Assert.That(Mpi.Commands.TrainCommand.ExecuteInProcess(resolved), Is.EqualTo(ExitCode.ReplaceNode));
        string run = Path.Combine(folder, "run");
        Assert.That(File.Exists(Path.Combine(run, "resume-me")), Is.False);
        Assert.That(File.Exists(Path.Combine(run, "result.json")), Is.False);
        Assert.That(ResumedRun.End(run, options), Is.EqualTo(ExitCode.ReplaceNode));

        // On other nodes.
        File.Delete(Path.Combine(run, "quarantine.txt"));
        Assert.That(ResumedRun.End(run, options with { Attack = "none" }), Is.EqualTo(ExitCode.Done));
    }
}

using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>A rank that is late in every step costs nothing where steps need only majorities.</summary>
[Category("Ranks")]
public sealed class SlowRankTests
{
    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void AStepDoesNotWaitForIt(string launcher)
    {
        // 1.2 on a quiet machine.
        const double most = 1.5;
        const string options = "--model softmax --batch 200 --steps 60 --evaluate-every 0 --wait majority --placement fixed --byzantine 1 --seed 3";
        RunFiles quick = DetoxProgram.Train(launcher, PacedRun.Ranks, $"{options} --attack none");
        RunFiles slow = DetoxProgram.Train(launcher, PacedRun.Ranks, $"{options} --attack slow(seconds=1)");
        double before = Median(quick), after = Median(slow);
        TestContext.Out.WriteLine($"median step: {before * 1000:F2} ms without, {after * 1000:F2} ms with a slow rank, {after / before:F2} times");
        Assert.That(after, Is.LessThan(most * before));
        Assert.That(slow.Weights, Is.EqualTo(quick.Weights));
        Assert.That(slow.Blame, Is.Empty);
    }

    private static double Median(RunFiles run) => run.Result.GetProperty("median_step_seconds").GetDouble();
}

using Detox.Mpi;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Groups without a majority, and steps without enough winners.</summary>
public sealed class VoidTests
{
    private static readonly TrainOptions _twoNanInOneGroup = TrainInProcess.Small with { Attack = "nan", Byzantine = 2, Placement = "worst" };

    [TestCase(OnVoid.Skip)]
    [TestCase(OnVoid.Recompute)]
    public void AVoidGroupIsLeftOutAndCounted(OnVoid onVoid)
    {
        RunFiles run = TrainInProcess.Run(_twoNanInOneGroup with { OnVoid = onVoid });
        Assert.That(run.Result.GetProperty("void_groups").GetInt32(), Is.EqualTo(_twoNanInOneGroup.Steps));
        Assert.That(run.Result.GetProperty("skipped_steps").GetInt32(), Is.Zero);
    }

    [Test]
    public void StepsWithoutWinnersChangeNoWeights()
    {
        TrainOptions all = TrainInProcess.Small with { Attack = "nan", Byzantine = 9 };
        RunFiles run = TrainInProcess.Run(all), shorter = TrainInProcess.Run(all with { Steps = 1 });
        Assert.That(run.Result.GetProperty("skipped_steps").GetInt32(), Is.EqualTo(all.Steps));
        Assert.That(run.Weights, Is.EqualTo(shorter.Weights));
        Assert.That(run.Steps[0].GetProperty("skipped").GetString(), Does.Contain("no winner"));
    }

    [Test]
    public void TooFewWinnersForTheRuleSkipTheStep()
    {
        // Five groups of three, krum with f = 1 needs five rows: one void group is one too many.
        RunFiles run = TrainInProcess.Run(_twoNanInOneGroup with { Ranks = 15, Across = "krum(f=1)" });
        Assert.That(run.Result.GetProperty("skipped_steps").GetInt32(), Is.EqualTo(_twoNanInOneGroup.Steps));
    }

    [Test]
    public void DivergenceWithoutAnAttackIsAnError()
        => TrainInProcess.Run(TrainInProcess.Small with { LearningRate = 1e38f, Steps = 20 }, ExitCode.Unexpected);

    [Test]
    public void DivergenceUnderAnAttackIsAResultWithTheAccuracyOfGuessing()
    {
        RunFiles run = TrainInProcess.Run(TrainInProcess.Small with
        {
            GroupSize = 1,
            Byzantine = 1,
            Attack = "reverse(scale=1e20)",
            Across = "mean",
            Model = "mlp",
            Steps = 20,
        });
        Assert.That(run.Accuracy, Is.EqualTo(0.1).Within(0.03));
        Assert.That(run.Result.TryGetProperty("diverged_at_step", out _), Is.True);
    }
}

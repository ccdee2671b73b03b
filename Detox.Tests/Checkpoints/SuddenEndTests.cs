using Detox.Gpu;
using Detox.Mpi.Checkpoints;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>Runs of which all processes are killed at a random moment, also while a checkpoint is written: each goes on, and nothing of it is lost or torn.</summary>
/// <remarks>DETOX_KILLS says how often (jobs/kills.sh), DETOX_SEED with which seed.</remarks>
[Category("Ranks")]
public sealed class SuddenEndTests
{
    private const int Ranks = 9;
    private const int Steps = 60;
    private const string Options = $"--model softmax --batch 5 --evaluate-every 0 --byzantine 1 --attack slow(seconds=0.01) --placement fixed --steps 60 --checkpoint-every 1";
    private static readonly int _kills = int.Parse(Environment.GetEnvironmentVariable("DETOX_KILLS") ?? "5");
    private static readonly ulong _seed = ulong.Parse(Environment.GetEnvironmentVariable("DETOX_SEED") ?? "1");
    private static readonly Lazy<RunFiles> _undisturbed = new(() => DetoxProgram.Train(null, Ranks, Options));

    private static IEnumerable<TestCaseData> Kills()
        => Enumerable.Range(0, _kills).Select(kill => new TestCaseData(new string?[] { null, MpiRunner.OpenMpi, MpiRunner.Mpich }[kill % 3], kill));

    [TestCaseSource(nameof(Kills))]
    public void TheRunGoesOnToTheSameEnd(string? launcher, int kill)
    {
        const double seconds = 1;
        SeededRandom random = new(_seed, (ulong)kill);
        string folder;
        using (RunningTraining training = DetoxProgram.Start(launcher, Ranks, Options))
        {
            folder = training.Folder;
            training.AwaitSteps(1);
            Thread.Sleep(TimeSpan.FromSeconds(seconds * random.NextFloat()));
            training.Kill();
        }

        RunVerifier verifier = new(folder);
        verifier.Run();
        long done = verifier.Steps;
        using RunningTraining again = DetoxProgram.Start(launcher, Ranks, $"{Options} --resume auto", folder: folder);
        RunFiles run = again.WaitForSuccess();
        TestContext.Out.WriteLine($"killed behind step {done} of {Steps}, {verifier.Checkpoints} checkpoints whole");
        Assert.That(verifier.Problems.Where(problem => !IsTornEnd(problem, done)), Is.Empty);
        Histories.AssertEqual(_undisturbed.Value, run);
        verifier = new(folder);
        verifier.Run();
        Assert.That(verifier.Problems, Is.Empty);
        Assert.That(verifier.HasEnded, Is.True);
    }

    /// <summary>A kill may come in the middle of a line that no checkpoint knows of.</summary>
    private static bool IsTornEnd(string problem, long done) => problem.Contains($"steps.jsonl, line {done + 1}:", StringComparison.Ordinal);
}

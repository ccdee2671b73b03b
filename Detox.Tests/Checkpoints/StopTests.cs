using Detox.Mpi;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

/// <summary>A signal to any rank or to the launcher, and the end of the time: the step ends, a checkpoint is there, every rank ends, and the run goes on.</summary>
[Category("Ranks")]
public sealed class StopTests
{
    private const int Ranks = 9;
    private const int Int = 2, Usr1 = 10, Term = 15;
    private const string Common = "--model softmax --batch 5 --evaluate-every 0 --byzantine 1 --attack slow(seconds=0.01) --placement fixed";
    private const string Options = $"{Common} --steps 150";
    private static readonly Lazy<RunFiles> _undisturbed = new(() => DetoxProgram.Train(null, Ranks, Options));

    private static IEnumerable<TestCaseData> Signals()
    {
        foreach (int signal in (int[])[Term, Usr1, Int]) yield return new TestCaseData(null, 0, signal);
        yield return new TestCaseData(MpiRunner.OpenMpi, 0, Term);
        yield return new TestCaseData(MpiRunner.OpenMpi, 4, Int);
        yield return new TestCaseData(MpiRunner.OpenMpi, 4, Usr1);
        yield return new TestCaseData(MpiRunner.Mpich, 4, Term);
        if (!Campaign.IsFull) yield break;
        yield return new TestCaseData(MpiRunner.OpenMpi, 4, Term);
        yield return new TestCaseData(MpiRunner.Mpich, 4, Usr1);
        yield return new TestCaseData(MpiRunner.Mpich, 4, Int);
    }

    [TestCaseSource(nameof(Signals))]
    public void ARankThatIsToldToStopStopsTheRun(string? launcher, int rank, int signal)
        => StopAndGoOn(launcher, training => training.Signal(rank, signal));

    /// <summary>Open MPI's launcher passes SIGUSR1 on to nobody.</summary>
    [TestCase(MpiRunner.OpenMpi, Term)]
    [TestCase(MpiRunner.OpenMpi, Int)]
    [TestCase(MpiRunner.Mpich, Term)]
    [TestCase(MpiRunner.Mpich, Usr1)]
    [TestCase(MpiRunner.Mpich, Int)]
    public void ALauncherThatIsToldToStopStopsTheRun(string launcher, int signal)
        => StopAndGoOn(launcher, training => training.Job.SignalCommand(signal));

    [TestCase(null)]
    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void ARunStopsWhenItsTimeIsOver(string? launcher) => StopAndGoOn(launcher, _ => { }, afterSteps: 1, "--max-hours 0.0004");

    /// <summary>Stopped under one family, it goes on under the other, and then in one process with groups of five.</summary>
    [Test]
    public void AnotherFamilyAndOtherGroupsMakeTheSameBits()
    {
        string folder = Stop(MpiRunner.OpenMpi, training => training.Signal(3, Term));
        using (RunningTraining second = DetoxProgram.Start(MpiRunner.Mpich, Ranks, $"{Options} --resume auto", folder: folder))
        {
            second.AwaitSteps(90);
            second.Signal(0, Term);
            Assert.That(second.Wait().ExitCode, Is.EqualTo((int)ExitCode.StoppedWithCheckpoint));
        }

        using RunningTraining third = DetoxProgram.Start(null, 15, $"--group-size 5 --threads 1 --resume {folder}", folder: folder);
        Assert.That(third.WaitForSuccess().Weights, Is.EqualTo(_undisturbed.Value.Weights));
    }

    [Test]
    public void ASecondInterruptEndsTheProcessAtOnce()
    {
        // Steps of seconds, so that the first has not ended yet.
        using RunningTraining training = DetoxProgram.Start(null, 3, "--model softmax --batch 5 --byzantine 1 --attack slow(seconds=5) --placement fixed --steps 3 --patience 20");
        training.AwaitRanks();
        training.Signal(0, Int);
        Thread.Sleep(300);
        Assert.That(training.Job.HasEnded, Is.False);
        training.Signal(0, Int);
        MpiOutcome outcome = training.Wait();
        Assert.That(outcome.ExitCode, Is.EqualTo(128 + Int));
        Assert.That(outcome.Time.TotalSeconds, Is.LessThan(5));
    }

    private static void StopAndGoOn(string? launcher, Action<RunningTraining> stop, int afterSteps = 20, string options = "")
    {
        string folder = Stop(launcher, stop, afterSteps, options);
        using RunningTraining again = DetoxProgram.Start(launcher, Ranks, $"{Options} --max-hours none --resume auto", folder: folder);
        RunFiles run = again.WaitForSuccess();
        Histories.AssertEqual(_undisturbed.Value, run);
        Assert.That(File.Exists(Path.Combine(folder, "resume-me")), Is.False);
    }

    private static string Stop(string? launcher, Action<RunningTraining> stop, int afterSteps = 20, string options = "")
    {
        using RunningTraining training = DetoxProgram.Start(launcher, Ranks, $"{Options} {options}");
        training.AwaitSteps(afterSteps);
        stop(training);
        MpiOutcome outcome = training.Wait();
        training.Job.AssertNothingIsLeft();

        // Open MPI's launcher may turn the code into 1.
        int[] codes = launcher == MpiRunner.OpenMpi ? [(int)ExitCode.StoppedWithCheckpoint, 1] : [(int)ExitCode.StoppedWithCheckpoint];
        Assert.That(codes, Does.Contain(outcome.ExitCode), $"{outcome.Output}\n{outcome.Errors}");
        Assert.That(outcome.Output, Does.Contain("stopped behind step").And.Contain($"--resume {training.Folder}"));
        Assert.That(File.Exists(Path.Combine(training.Folder, "resume-me")), Is.True);
        Assert.That(training.HasResult, Is.False);
        return training.Folder;
    }
}

using Detox.Mpi.Groups;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Training on three hosts that share nothing but a network, which may be slow, or break.</summary>
[Category("Ranks")]
[NonParallelizable]
public sealed class HostsTests
{
    private const int Hosts = 3;
    private NetworkHosts _hosts = null!;

    [OneTimeSetUp]
    public void MakeHosts()
    {
        MpiRunner.Require(MpiRunner.OpenMpi);
        if (NetworkHosts.Problem() is { } problem) Assert.Ignore(problem);
        _hosts = new NetworkHosts(Hosts);
    }

    [OneTimeTearDown]
    public void RemoveHosts() => _hosts?.Dispose();

    [TestCase(false)]
    [TestCase(true)]
    public void TheBitsAreThoseOfOneProcess(bool isSlow)
    {
        const string options = "--model mlp --batch 5 --steps 4 --evaluate-every 0 --attack reverse --byzantine 2";
        if (isSlow) NetworkHosts.SlowDown(2);
        try
        {
            using RunningTraining training = DetoxProgram.StartOn(_hosts, options);
            RunFiles run = training.WaitForSuccess();
            Assert.That(run.Weights, Is.EqualTo(DetoxProgram.Train(null, PacedRun.Ranks, options).Weights));
            for (int rank = 0; rank < PacedRun.Ranks; rank++) Assert.That(training.Place(rank).Host, Is.EqualTo(NetworkHosts.Name(1 + (rank / Hosts))));
        }
        finally
        {
            if (isSlow) NetworkHosts.SpeedUp(2);
        }
    }

    /// <summary>The training ends by itself. mpiexec of Open MPI 4.1 does not: it waits for its daemon on the host that is gone, and is ended here.</summary>
    [Test]
    public void AHostThatIsCutOffIsThreeAbsentRanks()
    {
        const int steps = 60, stopAfter = 20, lost = 3;
        int[] ranks = [6, 7, 8];
        ulong seed = 1;
        while (ranks.Select(PacedRun.Groups(seed).GroupOf).Distinct().Count() < ranks.Length) seed++;
        try
        {
            using RunningTraining training = DetoxProgram.StartOn(_hosts, PacedRun.OptionsOf(steps, seed));
            training.AwaitSteps(stopAfter);
            NetworkHosts.Cut(lost);
            training.AwaitResult();
            Assert.That(training.Files.Weights, Is.EqualTo(PacedRun.Undisturbed(steps, seed)));
            PacedRun.AssertAbsentOnce(training.Files, ranks);
            Assert.That(PacedRun.Missing(training.Files.Steps[^1]), Is.EqualTo(ranks));
            PacedRun.AssertAsQuickAsBefore(training.Files);
        }
        finally
        {
            NetworkHosts.Mend(lost);
        }
    }

    /// <summary>Messages of other hosts ring no bell: a rank that waits for one looks by itself, but seldom.</summary>
    [Test]
    public void AWaitingRankIsIdle()
    {
        const int seconds = 3;
        const double most = 0.1;
        using RunningTraining training = DetoxProgram.StartOn(
            _hosts, "--model softmax --batch 5 --steps 8 --evaluate-every 0 --attack slow(seconds=1) --placement fixed --byzantine 1 --seed 3 --patience 10");
        training.AwaitSteps(2);
        int[] waiting = [0, 4, 8];
        double[] before = [.. waiting.Select(rank => ProcessorSeconds(training.Place(rank).Process))];
        Thread.Sleep(seconds * 1000);
        for (int i = 0; i < waiting.Length; i++)
        {
            double share = (ProcessorSeconds(training.Place(waiting[i]).Process) - before[i]) / seconds;
            TestContext.Out.WriteLine($"rank {waiting[i]} keeps {share:P1} of a core busy");
            Assert.That(share, Is.LessThan(most), $"rank {waiting[i]}");
        }

        training.WaitForSuccess();
    }

    private static double ProcessorSeconds(int process)
    {
        using System.Diagnostics.Process waiting = System.Diagnostics.Process.GetProcessById(process);
        return waiting.TotalProcessorTime.TotalSeconds;
    }
}

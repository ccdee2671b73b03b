using System.Text.RegularExpressions;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>The communicator of real MPI libraries, through their launchers.</summary>
[TestFixture(MpiRunner.OpenMpi)]
[TestFixture(MpiRunner.Mpich)]
[NonParallelizable]
public sealed class MpiTests(string launcher)
{
    private static readonly string _program = typeof(MpiTests).Assembly.Location;

    private string OtherFamily => launcher == MpiRunner.OpenMpi ? "mpich" : "openmpi";

    [OneTimeSetUp]
    public void Require() => MpiRunner.Require(launcher);

    [TestCase(1)]
    [TestCase(3)]
    [TestCase(8)]
    [TestCase(45)]
    public void ContractHolds(int ranks)
    {
        MpiOutcome outcome = Run(ranks, ["contract"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Output.Trim(), Is.EqualTo($"contract holds for {ranks} ranks"), outcome.Errors);
        Assert.That(outcome.Errors, Is.Empty);
    }

    /// <summary>Ranks that share no memory and ring no bells.</summary>
    [TestCase(9, 3)]
    [TestCase(8, 8)]
    public void ContractHoldsBetweenNodes(int ranks, int nodes)
    {
        MpiOutcome outcome = Run(ranks, ["contract"], new() { ["DETOX_NODES"] = $"{nodes}" });
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Output.Trim(), Is.EqualTo($"contract holds for {ranks} ranks"), outcome.Errors);
    }

    [Test]
    public void AnExceptionOnOneRankEndsTheJobWithItsMessageAndCode()
    {
        MpiOutcome outcome = Run(4, ["throw"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Errors);
        Assert.That(Regex.Count(outcome.Errors, "rank 3 gave up"), Is.EqualTo(1), outcome.Errors);
        Assert.That(outcome.Errors, Does.Not.Contain("has died"));
        Assert.That(outcome.Time.TotalSeconds, Is.LessThan(20));
    }

    [Test]
    public void AnErrorThatAllRanksFindIsSaidOnce()
    {
        MpiOutcome outcome = Run(8, ["fail-everywhere"]);
        Assert.That(outcome.ExitCode, Is.EqualTo(2), outcome.Errors);
        Assert.That(Regex.Count(outcome.Errors, "all ranks found the same"), Is.EqualTo(1), outcome.Errors);
        Assert.That(outcome.Errors, Does.Not.Contain("has died"));
    }

    /// <summary>Hydra hands on the ranks' codes joined by or; Open MPI's is 1 unless a rank aborts, or the code itself.</summary>
    [Test]
    public void TheRanksCodeArrives()
    {
        MpiOutcome outcome = Run(3, ["return", "85"]);
        Assert.That(outcome.ExitCode, launcher == MpiRunner.Mpich ? Is.EqualTo(85) : Is.AnyOf(1, 85), outcome.Errors);
    }

    [Test]
    public void TheLibraryLeavesDotNetItsSignals()
    {
        MpiOutcome outcome = Run(2, ["null-reference"]);
        Assert.That(outcome.ExitCode, Is.Zero, outcome.Errors);
        Assert.That(outcome.Output.Trim(), Is.EqualTo("caught"));
    }

    [Test]
    public void TheOtherFamilysLibraryIsRefused()
    {
        MpiOutcome outcome = Run(3, ["contract"], new() { ["DETOX_MPI"] = OtherFamily });
        AssertSaidOnce(outcome, "the ranks would not find each other");
    }

    [Test]
    public void ALibraryThatIsNotThereIsNamed()
    {
        MpiOutcome outcome = Run(3, ["contract"], new() { ["DETOX_MPI"] = "/nowhere/libmpi.so.40" });
        AssertSaidOnce(outcome, "names the library /nowhere/libmpi.so.40, which cannot be loaded");
    }

    [Test]
    public void AnUnknownFamilyIsNamed()
    {
        MpiOutcome outcome = Run(2, ["contract"], new() { ["DETOX_MPI"] = "lam" });
        AssertSaidOnce(outcome, "expected openmpi, mpich or the path of a library, found 'lam'");
    }

    [Test]
    public void CopiesOfRankZeroAreFound()
    {
        // As a launcher looks to a library that does not speak its language: numbers are set, but no way to connect.
        Dictionary<string, string> variables = launcher == MpiRunner.OpenMpi
            ? new() { ["OMPI_COMM_WORLD_SIZE"] = "3", ["OMPI_COMM_WORLD_RANK"] = "0" }
            : new() { ["MPI_LOCALNRANKS"] = "3", ["PMI_SIZE"] = "3", ["PMI_RANK"] = "0" };
        if (launcher == MpiRunner.Mpich) variables.Remove("PMI_RANK");
        MpiOutcome outcome = MpiRunner.RunCommand(["dotnet", "exec", _program, "contract"], variables, 30);
        AssertSaidOnce(outcome, "started 3 ranks, but the library");
    }

    private static void AssertSaidOnce(MpiOutcome outcome, string message)
    {
        Assert.That(outcome.ExitCode, Is.EqualTo((int)Detox.Mpi.ExitCode.Environment), outcome.Errors);
        Assert.That(Regex.Count(outcome.Errors, Regex.Escape(message)), Is.EqualTo(1), outcome.Errors);
        Assert.That(outcome.Errors, Does.Not.Contain("   at "), "no stack trace");
    }

    private MpiOutcome Run(int ranks, string[] arguments, Dictionary<string, string>? variables = null)
        => MpiRunner.Run(launcher, ranks, _program, arguments, variables);
}

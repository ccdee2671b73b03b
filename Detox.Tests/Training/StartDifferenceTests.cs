using Detox.Mpi;
using Detox.Tests.Data;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Ranks that were started differently are told so before the first step, by one message that names one of them.</summary>
[Category("Ranks")]
[TestFixture(MpiRunner.OpenMpi)]
[TestFixture(MpiRunner.Mpich)]
public sealed class StartDifferenceTests(string launcher)
{
    private const int Ranks = 9;

    [OneTimeSetUp]
    public void Require() => MpiRunner.Require(launcher);

    [Test]
    public void OtherOptions() => AssertSaid(Run(("", "--seed 1"), ("", "--seed 2")), "other options");

    [Test]
    public void OtherData()
    {
        using TempFolder first = new(), second = new();
        foreach ((TempFolder folder, int count) in ((TempFolder, int)[])[(first, 60), (second, 61)])
        {
            folder.WriteIdx("train", count, side: 8);
            folder.WriteIdx("t10k", 10, side: 8);
        }

        // Ranks of one node have one data set, which its first rank has read.
        Dictionary<string, string> apart = new() { ["DETOX_NODES"] = $"{Ranks}" };
        AssertSaid(Run(($"-wdir {first.Path}", "--data ."), ($"-wdir {second.Path}", "--data ."), apart), "another data set");
    }

    /// <summary>Starts rank 0 in one way and all others in another.</summary>
    private MpiOutcome Run((string Launcher, string Program) first, (string Launcher, string Program) others, Dictionary<string, string>? variables = null)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "runs", Guid.NewGuid().ToString("N"));
        string[] Part(int ranks, (string Launcher, string Program) how)
            => [.. $"-n {ranks} {how.Launcher} dotnet exec {DetoxProgram.Path} --model softmax --batch 5 --steps 3 --out {folder} {how.Program}".Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        string[] oversubscribe = launcher == MpiRunner.OpenMpi ? ["--oversubscribe"] : [];
        return MpiRunner.RunCommand([launcher, .. oversubscribe, .. Part(1, first), ":", .. Part(Ranks - 1, others)], variables, limitSeconds: 60);
    }

    private static void AssertSaid(MpiOutcome outcome, string what)
    {
        Assert.That(outcome.ExitCode, Is.EqualTo((int)ExitCode.Environment), outcome.Errors);
        string[] messages = [.. outcome.Errors.Split('\n').Where(line => line.Contains("detox: "))];
        Assert.That(messages, Has.Length.EqualTo(1), outcome.Errors);
        string host = Environment.MachineName;
        Assert.That(messages[0], Does.Contain($"rank 1 on {host} has {what} than rank 0 on {host}"));
        Assert.That(outcome.Errors, Does.Not.Contain("   at "), "no stack trace");
    }
}

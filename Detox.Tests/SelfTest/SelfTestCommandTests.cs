using System.Text.Json;
using System.Text.RegularExpressions;
using Detox.Gpu.Networks;
using Detox.Mpi.Training;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.SelfTest;

/// <summary>The command selftest, as a person and a script call it.</summary>
[NonParallelizable]
public sealed class SelfTestCommandTests
{
    private const string Flip = "--device cpu --inject bit-flip --seed 3";

    [Test]
    public void ANodeThatIsRightSaysSo()
    {
        MpiOutcome outcome = Run("--device cpu");
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((0, "")));
        Assert.That(outcome.Output, Does.Match($@"\A{Environment.MachineName}: right: {Network.Known.Names.Count} models at \d+ places, 1 round in [\d.]+ s\n\z"));
    }

    [Test]
    public void AFlippedBitIsNamedAndTheNodeIsToBeReplaced()
    {
        MpiOutcome outcome = Run(Flip);
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((86, "")));
        Match said = Regex.Match(
            outcome.Output,
            $@"\A{Environment.MachineName}: injected: (.+), bit \d+\n{Environment.MachineName}: (.+): expected .+, found .+\n{Environment.MachineName}: wrong in 1 of 1 round in .+: (.+) \(1\); this node should be replaced\n\z");
        Assert.That(said.Success, outcome.Output);
        Assert.That(said.Groups[2].Value, Is.EqualTo(said.Groups[1].Value).And.Contains($", {said.Groups[3].Value}: "));
    }

    [Test]
    public void WhatIsRepeatedIsCounted()
    {
        MpiOutcome outcome = Run($"{Flip} --minutes 0.2 --json");
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((86, "")));
        JsonElement said = JsonDocument.Parse(outcome.Output).RootElement;
        Assert.That(said.GetProperty("right").GetBoolean(), Is.False);
        Assert.That(said.GetProperty("seconds").GetDouble(), Is.AtLeast(12));
        Assert.That(said.GetProperty("rounds").GetInt32(), Is.AtLeast(2));
        Assert.That(said.GetProperty("wrong_rounds").GetInt32(), Is.EqualTo(1), "it is flipped once");
        JsonElement mismatch = said.GetProperty("mismatches").EnumerateArray().Single();
        Assert.That(mismatch.GetProperty("times").GetInt32(), Is.EqualTo(1));
        Assert.That(said.GetProperty("places").EnumerateArray().Select(place => place.GetString()), Does.Contain(mismatch.GetProperty("place").GetString()));
    }

    /// <summary>Without a word of MPI; the second rank of a node leaves it to the first.</summary>
    [TestCase(MpiRunner.OpenMpi)]
    [TestCase(MpiRunner.Mpich)]
    public void OneRankOfANodeTestsIt(string launcher)
    {
        MpiOutcome outcome = DetoxProgram.Run(launcher, 2, "selftest --device cpu", ("DETOX_MPI", "/no/such/library"));
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        Assert.That(outcome.Output, Does.Match($@"\A{Environment.MachineName}: right: .+\n\z"));
    }

    /// <summary>As the second of srun's tasks, on a node of its own.</summary>
    [Test]
    public void ANodesErrorIsSaidByItsOwnRank()
    {
        if (DeviceChoice.HasCuda()) Assert.Ignore("There is a GPU for CUDA here.");
        MpiOutcome outcome = DetoxProgram.Run(
            null, 1, "selftest --device cuda", ("SLURM_STEP_ID", "0"), ("SLURM_STEP_NUM_TASKS", "2"), ("SLURM_PROCID", "1"), ("SLURM_LOCALID", "0"));
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((3, "")));
        Assert.That(outcome.Errors, Does.StartWith($"detox: {Environment.MachineName}: --device cuda: "));
    }

    [TestCase("--minutes -1", "--minutes -1: 0 or more.")]
    [TestCase("--device gpu", "--device gpu: auto, cpu")]
    [TestCase("--inject rot", "'rot'")]
    public void WhatCannotBeDoneIsSaid(string options, string said)
    {
        MpiOutcome outcome = Run(options);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Errors, Does.StartWith("detox: ").And.Contain(said));
    }

    private static MpiOutcome Run(string options) => DetoxProgram.Run(null, 1, $"selftest {options}");
}

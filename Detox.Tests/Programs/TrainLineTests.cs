using Detox.Tests.Messaging;
using Detox.Tests.Training;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>The command train, as a person types it.</summary>
public sealed class TrainLineTests
{
    private const string Small = "--model softmax --batch 2 --steps 1 --evaluate-every 0 --byzantine 0 --group-size 1";

    [Test]
    public void WhatRepeatsKeepsItsOrder()
    {
        RunFiles run = DetoxProgram.Train(null, 3, $"{Small} --pre clipping(c=3) --pre bucketing(s=2)");
        Assert.That(File.ReadAllText(System.IO.Path.Combine(run.Folder, "config.toml")), Does.Contain("pre = \"clipping(c=3); bucketing(s=2)\""));
    }

    [Test]
    public void WhatDoesNotRepeatIsGivenOnce()
    {
        MpiOutcome outcome = DetoxProgram.Run(null, 1, $"{Small} --steps 2");
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Errors, Does.Contain("--steps"));
    }
}

using Detox.Tests.Data;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>The command attack, as another program calls it.</summary>
public sealed class AttackTests
{
    private const string Rows = "1,2\n2,2\n3,5\n";

    private TempFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TempFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [TestCase("sign-flip", "-2\n-3\n")]
    [TestCase("ipm(tau=0.5)", "-1\n-1.5\n")]
    [TestCase("mimic(row=1)", "2\n2\n")]
    [TestCase("reverse(scale=10)", "-10\n-20\n")]
    [TestCase("inf", "Infinity\nInfinity\n")]
    public void WhatAnAttackerSendsIsOneNumberALine(string attack, string expected)
    {
        MpiOutcome outcome = Run($"--attack {attack}");
        Assert.That((outcome.ExitCode, outcome.Output, outcome.Errors), Is.EqualTo((0, expected, "")));
    }

    /// <summary>The mean of three rows and of one attacker moves without end with what that sends: of the factors that are tried the search ends at the largest, after 19 steps of 10, 20, 40, ...</summary>
    [Test]
    public void AnAttackOnTheRuleDependsOnIt()
    {
        string mean = Run("--attack opt-ipm --rule mean").Output, median = Run("--attack opt-ipm --rule median").Output;
        Assert.That(mean, Is.Not.EqualTo(median));
        Assert.That(mean, Is.EqualTo($"{-2f * ((1 << 19) - 1) * 10}\n{-3f * ((1 << 19) - 1) * 10}\n"));
    }

    [TestCase("--attack mute", "--attack mute: it changes messages, and has no vector to show.")]
    [TestCase("--attack label-flip", "has no vector to show")]
    [TestCase("--attack ipm(t=1)", "--attack: ipm has no parameter 't'; it has tau.")]
    [TestCase("--attack nothing", "--attack: there is no attack 'nothing'; there are none, reverse")]
    [TestCase("--attack inf --byzantine 0", "--byzantine 0: at least 1.")]
    [TestCase("--attack opt-ipm --rule nothing", "there is no aggregation rule 'nothing'")]
    [TestCase("--attack opt-alie --rule bulyan --byzantine 2", "bulyan(f=2) takes at least 9 vectors, and there would be 5")]
    public void WhatCannotBeDoneIsSaid(string options, string said)
    {
        MpiOutcome outcome = Run(options);
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((2, "")));
        Assert.That(outcome.Errors, Does.Contain(said));
    }

    private MpiOutcome Run(string options)
        => DetoxProgram.Run(null, 1, $"attack --input {_folder.Write("rows.csv", System.Text.Encoding.UTF8.GetBytes(Rows))} {options}");
}

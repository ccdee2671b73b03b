using Detox.Tests.Data;
using Detox.Tests.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Programs;

/// <summary>The command aggregate, as another program calls it.</summary>
public sealed class AggregateTests
{
    private TempFolder _folder = null!;

    [SetUp]
    public void Create() => _folder = new TempFolder();

    [TearDown]
    public void Delete() => _folder.Dispose();

    [Test]
    public void TheResultIsOneNumberALine()
    {
        MpiOutcome outcome = Run("--rule trimmed-mean --f 1", "1,0.1\n2,0.1\n4,0.1\n100,7\n");
        Assert.That((outcome.ExitCode, outcome.Output, outcome.Errors), Is.EqualTo((0, "3\n0.1\n", "")));
    }

    [Test]
    public void PreRulesAreAppliedInTheirOrder()
    {
        // Rows of length 2 and 1: clipped to 1 they are 1 and 1, their mean; the other way round the mean 1.5 is clipped.
        const string rows = "2\n1\n";
        Assert.That(Run("--rule mean --pre clipping(c=1.25) --pre bucketing(s=2)", rows).Output, Is.EqualTo("1.125\n"));
        Assert.That(Run("--rule mean --pre bucketing(s=2) --pre clipping(c=1.25)", rows).Output, Is.EqualTo("1.25\n"));
    }

    [Test]
    public void WhereNothingIsPromisedItWarnsAndComputes()
    {
        MpiOutcome outcome = Run("--rule krum(f=1)", "1\n2\n9\n30\n");
        Assert.That((outcome.ExitCode, outcome.Output), Is.EqualTo((0, "1\n")));
        Assert.That(outcome.Errors, Is.EqualTo("detox: warning: krum(f=1) promises nothing here: that takes 2f+3 = 5 rows for f = 1, and there are 4.\n"));
    }

    [TestCase("--rule krum(f=1)", "1\n2\n9\n", "krum(f=1) can make nothing of 3 rows; it takes at least 4.")]
    [TestCase("--rule krum(g=1)", "1\n", "krum has no parameter 'g'; it has f, neighbours.")]
    [TestCase("--rule mean --pre nmn", "1\n", "there is no pre-rule 'nmn'; there are nnm, bucketing, clipping, arc.")]
    [TestCase("--rule mean", "1,2\n3\n", "line 2 has 1 number; expected 2")]
    [TestCase("--rule mean --f -1", "1\n", "--f -1: 0 or more.")]
    [TestCase("--rule mda --f 20", "1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n", "mda(f=20) would look at 2.691E+11 subsets of 21 of 41 rows; it looks at no more than 1E+07.")]
    public void WhatCannotBeDoneIsSaid(string options, string rows, string said)
    {
        MpiOutcome outcome = Run(options, rows);
        Assert.That(outcome.ExitCode, Is.EqualTo(2));
        Assert.That(outcome.Output, Is.Empty);
        Assert.That(outcome.Errors, Does.Contain(said));
    }

    [Test]
    public void TheResultGoesToAFile()
    {
        string output = Path.Combine(_folder.Path, "mean.csv");
        Assert.That(Run($"--rule mean --output {output}", "1,2\n2,5\n").Output, Is.Empty);
        Assert.That(File.ReadAllText(output), Is.EqualTo("1.5\n3.5\n"));
    }

    private MpiOutcome Run(string options, string rows)
        => DetoxProgram.Run(null, 1, $"aggregate --input {_folder.Write("rows.csv", System.Text.Encoding.UTF8.GetBytes(rows))} {options}");
}

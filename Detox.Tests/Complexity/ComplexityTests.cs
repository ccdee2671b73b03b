using NUnit.Framework;

namespace Detox.Tests.Complexity;

/// <summary>The table of complexity is that of the code as it is, and each method's list of files is whole.</summary>
[TestFixture]
[Parallelizable(ParallelScope.Self)]
internal sealed class ComplexityTests
{
    // So that a small change of the code needs no new table.
    private const double Tolerance = 0.1;

    private static readonly Lazy<IReadOnlyList<SourceType>> _types = new(SourceCode.Types);

    private static IEnumerable<Method> Methods => Method.All;

    [Test]
    public void EveryFileThatIsListedIsThere()
    {
        foreach (string name in Method.All.SelectMany(method => method.Vote.Concat(method.Rule)).Concat(Method.Common).Distinct())
            Assert.That(_types.Value.Any(type => type.Files.Any(file => Method.IsIn(file, [name]))), name);
    }

    [Test]
    public void WhatAMethodsTypesUseIsListedOrCommon([ValueSource(nameof(Methods))] Method method)
    {
        string[] listed = [.. method.Vote, .. method.Rule], known = [.. listed, .. Method.Common];
        var files = _types.Value.ToDictionary(type => type.Name, type => type.Files);
        foreach (SourceType type in _types.Value.Where(type => type.Files.Any(file => Method.IsIn(file, listed))))
        {
            Assert.That(type.Files.All(file => Method.IsIn(file, listed)), $"{method.Name}: all parts of {type.Name} are listed");
            foreach (string used in type.Uses)
                Assert.That(files[used].All(file => Method.IsIn(file, known)), $"{method.Name}: {type.Name} uses {used}");
        }
    }

    [Test]
    public void TheTableIsThatOfTheCode()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Repository.Path, "docs", "results", "complexity", ComplexityTable.Csv));
        Assert.That(lines[0], Is.EqualTo(ComplexityRow.Header));
        ComplexityRow[] written = [.. lines.Skip(1).Select(ComplexityRow.Parse)], measured = [.. Method.All.Select(method => ComplexityRow.Of(method, _types.Value))];
        Assert.That(written.Select(row => (row.Method, row.Decisions)), Is.EqualTo(measured.Select(row => (row.Method, row.Decisions))));
        foreach ((ComplexityRow old, ComplexityRow now) in written.Zip(measured))
            foreach ((long was, long current) in old.Counts.Zip(now.Counts))
                Assert.That(Math.Abs(was - current), Is.AtMost(Tolerance * current), $"{old.Method}: {old.Csv} where the code has {now.Csv}; `dotnet Detox.Tests.dll complexity docs/results/complexity` writes it anew");
    }

    [Test]
    public void AMethodWithAVoteIsItsPartsTogether()
    {
        ComplexityRow row = ComplexityRow.Of(Method.All.Single(method => method.Name == "DETOX: median"), _types.Value);
        Assert.That(row.BranchesOfVote, Is.Positive);
        Assert.That(row.BranchesOfRule, Is.Positive);
        Assert.That(row.Branches, Is.EqualTo(row.BranchesOfVote + row.BranchesOfRule));
    }

    [Test]
    public void ComplexityIsCountedByBranches()
    {
        // Boyer and Moore's vote: one method, two loops, and the choices in and around them.
        SourceType vote = _types.Value.Single(type => type.Name == "Detox.Gpu.Digests.Vote");
        Assert.That(vote.CyclomaticComplexity, Is.EqualTo(8));
        Assert.That(vote.Files, Is.EqualTo(["Detox.Gpu/Digests/Vote.cs"]));
    }
}

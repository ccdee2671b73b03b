using System.Text.RegularExpressions;
using Detox.Tests.Data;
using Detox.Tests.Messaging;
using Detox.Tests.Programs;
using NUnit.Framework;

namespace Detox.Tests.Results;

/// <summary>jobs/results.sh --quick makes pages of the form that docs/results.md has, elsewhere.</summary>
[Category("Ranks")]
public sealed partial class ResultsScriptTests
{
    private static readonly string _page = Path.Combine(Repository.Path, "docs", "results.md");

    [Test]
    public void TheQuickResultsHaveEveryTableAndPictureOfThePage()
    {
        MpiRunner.Require(MpiRunner.OpenMpi);
        string before = File.ReadAllText(_page);
        using TempFolder folder = new();
        Dictionary<string, string> variables = new()
        {
            ["DETOX_RUNS"] = folder.Path,
            ["DETOX_PUBLISHED"] = Path.GetDirectoryName(DetoxProgram.Path)!,
            ["DETOX_MNIST"] = "",
            ["DETOX_CIFAR10"] = "",
        };
        MpiOutcome outcome = MpiRunner.RunCommand([Path.Combine(Repository.Path, "jobs", "results.sh"), "--quick"], variables, limitSeconds: 280);
        Assert.That(outcome.ExitCode, Is.Zero, $"{outcome.Output}\n{outcome.Errors}");
        string[] page = File.ReadAllLines(Path.Combine(folder.Path, "results.md"));
        string[] tables = [.. page.Where(line => Block().IsMatch(line)).Select(line => Block().Match(line).Groups[1].Value).Where(IsOfTheScript)];
        Assert.That(tables, Is.Not.Empty);
        foreach (string table in tables)
        {
            string[] lines = File.ReadAllLines(Path.Combine(folder.Path, table));
            int at = Array.FindIndex(page, line => line == $"<!-- table {table} -->");
            Assert.That(page.Skip(at + 1).Take(lines.Length), Is.EqualTo(lines), table);
            Assert.That(page[at + 1 + lines.Length], Is.EqualTo("<!-- end -->"), table);
            Assert.That(lines, Has.Length.GreaterThan(2), table);
        }

        foreach (Match picture in Picture().Matches(string.Join('\n', page)).Where(picture => IsOfTheScript(picture.Groups[1].Value)))
            Assert.That(File.ReadAllText(Path.Combine(folder.Path, picture.Groups[1].Value)), Does.Contain("<svg").And.Contain("<text"), picture.Value);
        Assert.That(File.ReadAllText(_page), Is.EqualTo(before), "--quick leaves the page alone");
    }

    [Test]
    public void TheQuickResultsNeverReplaceTheOthers()
    {
        MpiOutcome outcome = MpiRunner.RunCommand([Path.Combine(Repository.Path, "jobs", "results.sh"), "--quick"], new Dictionary<string, string> { ["DETOX_DOCS"] = "docs/../docs" }, limitSeconds: 60);
        Assert.That((outcome.ExitCode, outcome.Errors), Is.EqualTo((3, "--quick: DETOX_DOCS must be another folder than docs, whose results it would replace.\n")));
    }

    [Test]
    public void EveryTableAndPictureOfThePageIsThere()
    {
        string text = File.ReadAllText(_page), docs = Path.GetDirectoryName(_page)!;
        foreach (Match file in Block().Matches(text).Concat(Picture().Matches(text))) Assert.That(File.Exists(Path.Combine(docs, file.Groups[1].Value)), Is.True, file.Value);
    }

    /// <summary>Complexity has a command of its own.</summary>
    private static bool IsOfTheScript(string file) => !file.StartsWith("results/complexity/", StringComparison.Ordinal);

    [GeneratedRegex("^<!-- table ([^ ]+) -->$", RegexOptions.Multiline)]
    private static partial Regex Block();

    [GeneratedRegex(@"!\[[^\]]*\]\(([^)]*\.svg)\)")]
    private static partial Regex Picture();
}

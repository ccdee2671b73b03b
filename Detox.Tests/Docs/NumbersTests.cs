using System.Globalization;
using NUnit.Framework;

namespace Detox.Tests.Docs;

/// <summary>Every number that a page says was measured, and every line that it says was printed, is found in a file that a command made.</summary>
[TestFixture]
internal sealed class NumbersTests
{
    private static readonly string[] _pages = ["README.md", "docs/results.md"];

    [Test]
    public void WhatThePagesSayIsFoundInFiles()
    {
        Given given = Given.Parse(Read(Given.File)!);
        NumberCheck check = new(Evidence.Read(Repository.Path), given);
        string[] problems = [.. _pages.Where(page => Read(page) is not null).SelectMany(page => check.Problems(page, Read(page)!, Read))];
        Assert.That(problems, Is.Empty, string.Join('\n', problems));
        Assert.That(given.Unmet, Is.Empty, $"lines of {Given.File} that no page has any more");
    }

    /// <summary>The files are many, and a wrong number could be a right one of another place: nearly none is.</summary>
    [Test]
    public void ANumberOfTheReadmeThatChangesIsMissed()
    {
        const string page = "README.md";
        const double mostUnseen = 0.1;
        Given given = Given.Parse(Read(Given.File)!);
        NumberCheck check = new(Evidence.Read(Repository.Path), given);
        string text = Read(page)!;
        string[] lines = text.Split('\n');
        List<string> unseen = [];
        int changes = 0;
        foreach (Figure figure in MarkdownPage.Blocks(text).Where(block => block.File is null).SelectMany(Figures.Of).Where(figure => !double.IsNaN(figure.Value) && !given.Has(figure)))
        {
            string number = figure.Text.Split(' ')[0], changed = Changed(number), line = lines[figure.Line - 1];
            lines[figure.Line - 1] = line.Replace(number, changed, StringComparison.Ordinal);
            changes++;
            if (!check.Problems(page, string.Join('\n', lines), Read).Any(problem => problem.StartsWith($"{page}:{figure.Line}: '{changed}", StringComparison.Ordinal)))
                unseen.Add($"{page}:{figure.Line}: {number} as {changed}");
            lines[figure.Line - 1] = line;
        }

        Assert.That(changes, Is.AtLeast(5));
        Assert.That(unseen, Has.Count.AtMost((int)(mostUnseen * changes)), string.Join('\n', unseen));
    }

    [TestCase("It ends at 97.45 % after 62.6 s.")]
    [TestCase("It ends at 97.5 %, or 97 %, in 1.0 minutes; a step takes 131 ms, or 0.13 s.")]
    [TestCase("From 97.45 to 98.15 %.")]
    [TestCase("It needs `--patience 5 s`, and has 45 ranks of 15 groups.")]
    [TestCase("CIFAR-10 in step 3, 32x32, SHA-256")]
    [TestCase("| a | b |\n|---|---|\n| batch 7 | 97.45 % |\n| q = 7 | 0.9745 |\n| r | 431,080; 45 of 99 ranks |")]
    [TestCase("```\naccuracy 97.45 %, loss 0.0735 after 200 steps ...\n...(times): 0 (17), ...; see blame.csv\n```")]
    [TestCase("```\ndotnet x.dll --steps 300\n```\n```toml\nsteps = 12 s\n```")]
    [TestCase("<!-- list -->\n```\nwhatever 12 s\n```")]
    [TestCase("<!-- docs/results/a.md -->\n| copied |\n|---|\n| 62.6 s |\n\nAnd so on.")]
    [TestCase("At least 5 s.")]
    [TestCase("<!-- docs/results/other.csv -->\n12.5 s")]
    public void WhatWasMeasuredPasses(string page) => Assert.That(Problems(page), Is.Empty);

    [TestCase("It ends\nat 97.46 %.", "page:2: '97.46 %' is in no file of docs/results")]
    [TestCase("It ends\nat 97.3 %.", "page:2: '97.3 %'")]
    [TestCase("It takes 62.7 s.", "page:1: '62.7 s'")]
    [TestCase("It takes 0.14 s.", "'0.14 s'")]
    [TestCase("From 97.45 to 98.16 %.", "'98.16 %'")]
    [TestCase("From 97.44 to 98.15 %.", "'97.44 %'")]
    [TestCase("In seven\nminutes.", "page:1: 'seven minutes'")]
    [TestCase("In half a minute.", "'half a minute'")]
    [TestCase("In less than a second.", "'than a second'")]
    [TestCase("| a | b |\n|---|---|\n| r | 97.45 % |\n| r | 98.45 % |", "page:4: '98.45 %'")]
    [TestCase("| a | b |\n|---|---|\n| r | 431,081 |", "page:3: '431,081'")]
    [TestCase("| a | b |\n|---|---|\n| takes 3 ms | `x` |", "page:3: '3 ms'")]
    [TestCase("text\n\n```\naccuracy 97.46 %, loss 0.0735 after 200 steps ...\n```", "page:4: no file of docs/results has the line 'accuracy 97.46 %")]
    [TestCase("```\ndissenting ranks (times): 0 (17), ...; see blame.csv\naccuracy 97.45 %, loss 0.0735 after 200 steps ...\n```", "page:3: no file")]
    [TestCase("```\n$ detox --steps 100\naccuracy 97.45 %, loss 0.0735 after 200 steps in 62.6 s\n```", "page:2: no file")]
    [TestCase("<!-- docs/results/a.md -->\n| copied |\n|---|\n| 62.7 s |", "page:4: docs/results/a.md has '| 62.6 s |' here")]
    [TestCase("<!-- docs/results/a.md -->\n| copied |\n|---|", "page:4: docs/results/a.md has '| 62.6 s |' here; found 'nothing'")]
    [TestCase("<!-- docs/results/b.md -->\ntext", "page:2: docs/results/b.md is not there")]
    [TestCase("At most 5 s.", "'5 s'")]
    [TestCase("<!-- docs/results/run.txt -->\n12.5 s", "'12.5 s' is in no file of docs/results/run.txt")]
    [TestCase("<!-- docs/results/other.csv -->\n12.5 s\n\n# Next\n\n12.6 s", "page:6: '12.6 s'")]
    public void WhatWasNotIsNamedWithItsPlace(string page, string problem) => Assert.That(Problems(page), Has.Some.Contains(problem));

    [TestCase("5 s")]
    [TestCase("5 s: at least 6 s")]
    public void WhatIsGivenSaysItsSentence(string line) => Assert.That(() => Given.Parse(line), Throws.TypeOf<FormatException>());

    private static string[] Problems(string page)
    {
        string folder = Directory.CreateTempSubdirectory("detox-numbers-").FullName;
        try
        {
            string results = Directory.CreateDirectory(Path.Combine(folder, "docs", "results")).FullName;
            File.WriteAllText(
                Path.Combine(results, "run.txt"),
                "$ detox --steps 200\nlenet: 431,080 parameters\naccuracy 97.45 %, loss 0.0735 after 200 steps in 62.6 s\ndissenting ranks (times): 0 (17), 1 (13), 2 (22); see blame.csv\nweights_sha256 3f14ab\n");
            File.WriteAllText(Path.Combine(results, "table.csv"), "case,accuracy,seconds\none,0.9745,0.1308\nall,0.9815,100\n");
            File.WriteAllText(Path.Combine(results, "other.csv"), "seconds\n12.5\n");
            File.WriteAllText(Path.Combine(results, "a.md"), "| copied |\n|---|\n| 62.6 s |\n");
            Evidence evidence = Evidence.Read(folder);
            string? Text(string path) => File.Exists(Path.Combine(folder, path)) ? File.ReadAllText(Path.Combine(folder, path)) : null;
            return [.. new NumberCheck(evidence, Given.Parse("# A limit.\n5 s: At least 5 s\n")).Problems("page", page, Text)];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The number with another last digit.</summary>
    private static string Changed(string number)
    {
        int last = number.Length - 1;
        return number[..last] + ((number[last] - '0' + 3) % 10).ToString(CultureInfo.InvariantCulture);
    }

    private static string? Read(string path)
    {
        string file = Path.Combine(Repository.Path, path);
        return File.Exists(file) ? File.ReadAllText(file) : null;
    }
}

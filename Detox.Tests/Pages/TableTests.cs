using System.Globalization;
using Detox.Mpi.Pages;

namespace Detox.Tests.Pages;

/// <summary>Tables in every form.</summary>
public sealed class TableTests
{
    private static readonly Table _table = new("Of <all>", ["name", "number"], [["a,\"b\"|c", "1.5"], ["<d>", "-"]]);

    [Test]
    public void CsvHasNumbersWithoutTheCommasOfPeople()
        => Assert.That(new Table("t", ["a", "b", "c"], [["6,070", "-1,234,567.5", "1,2"]]).Csv(), Is.EqualTo("a,b,c\n6070,-1234567.5,\"1,2\"\n"));

    [Test]
    public void CsvQuotesWhatItMust() => Assert.That(_table.Csv(), Is.EqualTo("name,number\n\"a,\"\"b\"\"|c\",1.5\n<d>,-\n"));

    [Test]
    public void MarkdownEscapesBars() => Assert.That(_table.Markdown(), Is.EqualTo("| name | number |\n| --- | ---: |\n| a,\"b\"\\|c | 1.5 |\n| <d> | - |\n"));

    [Test]
    public void HtmlEncodesAllText()
        => Assert.That(_table.Html(), Does.Contain("<caption>Of &lt;all&gt;</caption>").And.Contain("<td>&lt;d&gt;</td><td class=\"number\">-</td>").And.Contain("a,&quot;b&quot;|c"));

    [Test]
    public void TheRawTableOfARunHasItsNumbersAsTheyAre()
    {
        RunFacts run = RunReader.Read(SampleSweep.Run);
        string[] lines = Report.Of(run).Raw.Csv().TrimEnd('\n').Split('\n');
        Dictionary<string, string> values = lines[0].Split(',').Zip(lines[1].Replace("\"DETOX, r = 3: median\"", "DETOX", StringComparison.Ordinal).Split(',')).ToDictionary(pair => pair.First, pair => pair.Second);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(double.Parse(values["accuracy"], CultureInfo.InvariantCulture), Is.EqualTo(run.Accuracy));
        Assert.That(double.Parse(values["variance"], CultureInfo.InvariantCulture), Is.EqualTo(run.MeanVariance));
        Assert.That((values["byzantine"], values["attack"], values["faults"]), Is.EqualTo(("2", "bit-flip", $"{run.Blames.Count}")));
    }

    [Test]
    public void TheRawTableOfASweepHasALineForEachCell()
    {
        SweepFacts sweep = SweepReader.Read(SampleSweep.Folder);
        string[] lines = SweepTables.Raw(sweep).Csv().TrimEnd('\n').Split('\n');
        Assert.That(lines, Has.Length.EqualTo(1 + sweep.Cells.Count));
        Assert.That(lines, Has.Some.Contains("unfinished: 5 of 12 steps").And.Some.Contains("broken: it has not begun"));
        Assert.That(lines[0].Split(',').Count(column => column == "seed"), Is.EqualTo(1));
    }
}

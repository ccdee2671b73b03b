using System.Text.RegularExpressions;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Networks;
using Detox.Gpu.Tables;
using Detox.Mpi.Attacks;
using Detox.Mpi.Data;
using Detox.Mpi.Groups;
using Detox.Mpi.Training;
using Detox.Mpi.Training.Schedules;

namespace Detox.Tests.Tables;

/// <summary>Every row can be made, says its parameters and defaults as they are, and stands where people look for it.</summary>
[TestFixture]
internal sealed class TableTests
{
    private static readonly (Table Table, string Option, Func<string, string> CanonicalName)[] _called =
    [
        (AggregationRule.Known, "across", Rule),
        (Attack.Known, "attack", text => Attack.Parse(text).Name),
        (Placement.Known, "placement", text => Placement.Create(text, GroupTable.Create(9, 3, 1), 1, 1).Name),
        (Schedule.Known, "schedule", text => Schedule.Parse(text, 10).Name),
    ];

    internal static IEnumerable<Table> All => [.. _called.Select(called => called.Table), Network.Known, DataSource.Known];

    private static IEnumerable<TestCaseData> Called()
        => from called in _called from row in called.Table.Rows select new TestCaseData(row, called.CanonicalName).SetArgDisplayNames(row.Usage);

    private static IEnumerable<TestCaseData> Listed()
    {
        foreach ((Table table, string option, _) in _called) yield return new TestCaseData(table, option).SetArgDisplayNames(option);
        yield return new TestCaseData(Network.Known, "model").SetArgDisplayNames("model");
        yield return new TestCaseData(DataSource.Known, "data").SetArgDisplayNames("data");
    }

    [TestCaseSource(nameof(Called))]
    public void WhatARowSaysItTakesCanBeMadeAndNamesItself(Row row, Func<string, string> canonicalName)
    {
        string name = canonicalName(row.Usage.Replace("=N", "=1"));
        Assert.That(Call.Parse(name).Name, Is.EqualTo(row.Name));
        Assert.That(canonicalName(name), Is.EqualTo(name));
    }

    [TestCaseSource(nameof(Called))]
    public void TheDefaultsAreThoseThatTheRowShows(Row row, Func<string, string> canonicalName)
    {
        if (!row.Usage.Contains("=N")) Assert.That(canonicalName(row.Name), Is.EqualTo(canonicalName(row.Usage)));
        Assert.That(() => canonicalName($"{row.Name}(no-such=1)"), Throws.TypeOf<FormatException>().With.Message.Contains($"{row.Name} has no parameter 'no-such'"));
    }

    [Test]
    public void EveryModelIsMadeUnderItsName([ValueSource(typeof(TableTests), nameof(Models))] string model)
    {
        using CpuDevice device = new(1);
        using Network network = Network.Create(model, device, 32, 32, 3, 10, 1, onlyEvaluates: true);
        Assert.That(network.Model, Is.EqualTo(model));
    }

    [Test]
    public void EveryBuiltInSetIsOpenedByItsName()
    {
        foreach (string name in DataSource.Known.Names)
            Assert.That(DataSource.Open(name, 1).Training.Name, Does.StartWith(name));
    }

    [TestCaseSource(nameof(Listed))]
    public void TheOptionsHelpHasALineForEachRow(Table table, string option)
    {
        string[] lines = TrainOption.All.Single(known => known.Name == option).Help.Split('\n');
        Assert.That(lines, Has.Length.EqualTo(1 + table.Rows.Count));
        Assert.That(lines[0], Does.EndWith(":"));
        foreach ((Row row, string line) in table.Rows.Zip(lines[1..]))
        {
            Assert.That(line, Does.Match($"^  {Regex.Escape(row.Usage)} +{Regex.Escape(row.Summary)}$"));
            Assert.That(row.Summary, Is.Not.Empty);
        }
    }

    [TestCaseSource(nameof(Listed))]
    public void NoTwoRowsHaveOneName(Table table, string option) => Assert.That(table.Names, Is.Unique, option);

    [Test]
    public void TheReadmesTableOfModelsIsThisOne()
    {
        string[] lines = [.. Readme().SkipWhile(line => !line.StartsWith("| `--model` |", StringComparison.Ordinal)).Skip(2).TakeWhile(line => line.StartsWith('|'))];
        IEnumerable<string> names = lines.SelectMany(line => line.Split('|')[1].Split(',')).Select(name => name.Replace("(the default)", "").Trim());
        Assert.That(names, Is.EquivalentTo(Network.Known.Names));
    }

    [Test]
    public void TheReadmeNamesEachSetAndSchedule()
    {
        string text = string.Join('\n', Readme());
        foreach (Row row in DataSource.Known.Rows.Concat(Schedule.Known.Rows)) Assert.That(text, Does.Contain($"`{row.Usage}`"));
    }

    private static IEnumerable<string> Models() => Network.Known.Names;

    private static string Rule(string text)
    {
        using var rule = AggregationRule.Parse(text, 2);
        return rule.Name;
    }

    private static string[] Readme() => File.ReadAllLines(Path.Combine(Repository.Path, "README.md"));
}

using Detox.Gpu.Aggregation;
using Detox.Gpu.Tables;
using Detox.Mpi.Attacks;
using NUnit.Framework;

namespace Detox.Tests.Tables;

/// <summary>The README's lists say what the tables say.</summary>
public sealed class ReadmeTests
{
    private static readonly (string Name, Table Table)[] _lists = [("rules", AggregationRule.Known), ("pre-rules", PreRule.Known), ("attacks", Attack.Known)];

    [Test]
    public void ListsAreThoseOfTheTables([ValueSource(nameof(_lists))] (string Name, Table Table) list)
    {
        string lines = string.Join('\n', list.Table.Lines().Split('\n').Select(line => line.TrimStart()));
        Assert.That(File.ReadAllText(Path.Combine(Repository.Path, "README.md")), Does.Contain($"<!-- {list.Name} -->\n```{lines}\n```\n"));
    }
}

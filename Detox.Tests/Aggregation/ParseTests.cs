using Detox.Gpu.Aggregation;

namespace Detox.Tests.Aggregation;

public sealed class ParseTests
{
    [TestCase("mean", "mean", 1)]
    [TestCase(" median ", "median", 1)]
    [TestCase("median()", "median", 1)]
    [TestCase("geometric-median", "geometric-median(iterations=1000,tolerance=1E-06)", 1)]
    [TestCase("geometric-median(tolerance=0.5, iterations=7)", "geometric-median(iterations=7,tolerance=0.5)", 1)]
    [TestCase("krum", "krum(f=2)", 7)]
    [TestCase("krum(f=0)", "krum(f=0)", 3)]
    [TestCase("multi-krum", "multi-krum(f=2)", 7)]
    [TestCase("multi-krum(f=1,select=4)", "multi-krum(f=1,select=4)", 5)]
    [TestCase("multi-krum ( select = 9 )", "multi-krum(f=2,select=9)", 9)]
    [TestCase("bulyan", "bulyan(f=2)", 11)]
    [TestCase("krum(neighbours=3)", "krum(f=2,neighbours=3)", 7)]
    [TestCase("multi-krum(neighbours=8)", "multi-krum(f=2,neighbours=8)", 9)]
    [TestCase("multi-krum(neighbours=1,select=2)", "multi-krum(f=2,neighbours=1,select=2)", 7)]
    [TestCase("geometric-median(nu=0.1)", "geometric-median(nu=0.1,iterations=3)", 1)]
    [TestCase("geometric-median(nu=2,iterations=5)", "geometric-median(nu=2,iterations=5)", 1)]
    [TestCase("trimmed-mean", "trimmed-mean(f=2)", 5)]
    [TestCase("meamed(f=1)", "meamed(f=1)", 3)]
    [TestCase("phocas", "phocas(f=2)", 5)]
    [TestCase("mda", "mda(f=2)", 5)]
    [TestCase("monna", "monna(f=2,reference=0)", 5)]
    [TestCase("monna(reference=7)", "monna(f=2,reference=7)", 8)]
    [TestCase("centered-clipping", "centered-clipping(m=0,iterations=1,tau=100)", 1)]
    [TestCase("huber(T=0.5)", "huber(T=0.5,iterations=100)", 1)]
    [TestCase("cge", "cge(f=2)", 5)]
    [TestCase("caf", "caf(f=2)", 5)]
    [TestCase("smea", "smea(f=2)", 5)]
    [TestCase("dnc", "dnc(f=2,dimensions=10000,rounds=1,c=1)", 5)]
    [TestCase("dnc(c=4.5)", "dnc(f=2,dimensions=10000,rounds=1,c=4.5)", 10)]
    [TestCase("signguard", "signguard", 1)]
    [TestCase("sign-majority", "sign-majority", 1)]
    public void GoodTextIsResolved(string text, string name, int rowsNeeded)
    {
        using var rule = AggregationRule.Parse(text, 2);
        using var again = AggregationRule.Parse(rule.Name, 0);
        Assert.That((rule.Name, rule.RowsNeeded), Is.EqualTo((name, rowsNeeded)));
        Assert.That(again.Name, Is.EqualTo(name));
    }

    [TestCase("average", "there is no aggregation rule 'average'; there are mean, median, trimmed-mean, meamed, phocas, geometric-median, huber, centered-clipping, krum, multi-krum, bulyan, mda, monna, cge, caf, smea, dnc, signguard, sign-majority.")]
    [TestCase("", "there is no aggregation rule ''; there are mean")]
    [TestCase("Mean", "there is no aggregation rule 'Mean';")]
    [TestCase("mean(f=1)", "mean has no parameter 'f'; it has none.")]
    [TestCase("krum(g=1)", "krum has no parameter 'g'; it has f, neighbours.")]
    [TestCase("multi-krum(g=1)", "multi-krum has no parameter 'g'; it has f, neighbours, select.")]
    [TestCase("krum(f=-1)", "'-1' is no f of krum: expected a whole number of at least 0.")]
    [TestCase("krum(f=two)", "'two' is no f of krum: expected a whole number of at least 0.")]
    [TestCase("krum(f=)", "'' is no f of krum")]
    [TestCase("krum(f=99999999999)", "'99999999999' is no f of krum")]
    [TestCase("multi-krum(select=0)", "'0' is no select of multi-krum: expected a whole number of at least 1.")]
    [TestCase("geometric-median(tolerance=0)", "'0' is no tolerance of geometric-median: expected a finite number above 0.")]
    [TestCase("geometric-median(tolerance=nan)", "'nan' is no tolerance of geometric-median: expected a finite number above 0.")]
    [TestCase("geometric-median(tolerance=Infinity)", "'Infinity' is no tolerance of geometric-median")]
    [TestCase("krum(f=N)", "'N' is no f of krum")]
    [TestCase("krum(f=1", "has no closing bracket")]
    [TestCase("krum(2)", "'2' in 'krum(2)' is not parameter=value.")]
    [TestCase("krum(f=1,f=2)", "gives 'f' twice")]
    public void BadTextIsNamed(string text, string message)
        => Assert.That(() => AggregationRule.Parse(text, 2), Throws.TypeOf<FormatException>().With.Message.Contains(message));

    [Test]
    public void ANegativeFIsRefused() => Assert.That(() => AggregationRule.Parse("mean", -1), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void EveryNameParses([ValueSource(typeof(AggregationRule), nameof(AggregationRule.Names))] string name)
    {
        using var rule = AggregationRule.Parse(name, 1);
        Assert.That(rule.Name, Does.StartWith(name));
    }
}

using Detox.Gpu.Tables;

namespace Detox.Tests.Tables;

[TestFixture]
internal sealed class CallTests
{
    private static readonly Table<Func<Call, string>> _table = new(
        "shape",
        [
            new("dot", "", _ => "dot"),
            new("box(side=2,tilt=-0.5,share=0.25,count=N)", "",
                call => FormattableString.Invariant($"{call.Int("side", 1)} {call.Float("tilt")} {call.Double("share", above: 0, most: 1)} {call.Int("count", 0, 7)}")),
            new("ring(holes=N)", "", call => $"{call.Int("holes", 1)}"),
            new("way(length=2)", "", call => $"{call.FloatOr("max", "length")?.ToString() ?? "the longest"}"),
            new("wrong", "", call => $"{call.Int("side", 1)}"),
        ]);

    [TestCase("dot", "dot")]
    [TestCase(" dot ( ) ", "dot")]
    [TestCase("box", "2 -0.5 0.25 7")]
    [TestCase("box( share = 1 ,side=3,count=0, tilt = 1e3 )", "3 1000 1 0")]
    [TestCase("ring(holes=4)", "4")]
    [TestCase("way", "2")]
    [TestCase("way(length=1.5)", "1.5")]
    [TestCase("way(length=max)", "the longest")]
    public void WhatIsGivenTakesTheDefaultsPlace(string text, string expected) => Assert.That(Make(text), Is.EqualTo(expected));

    [TestCase("", "there is no shape ''; there are dot, box, ring, way, wrong.")]
    [TestCase("Box", "there is no shape 'Box'; there are")]
    [TestCase("box(side=1", "'box(side=1' has no closing bracket at its end; write box(parameter=value,...).")]
    [TestCase("box(side=1)x", "has no closing bracket at its end")]
    [TestCase("box side=1)", "has a closing bracket without an opening one")]
    [TestCase(")box(", "has a closing bracket without an opening one")]
    [TestCase("box(side=1)(tilt=1)", "has more than one pair of brackets")]
    [TestCase("box((side=1))", "has more than one pair of brackets")]
    [TestCase("box(1)", "'1' in 'box(1)' is not parameter=value.")]
    [TestCase("box(side=1,)", "'' in 'box(side=1,)' is not parameter=value.")]
    [TestCase("box(side=1,,tilt=1)", "'' in")]
    [TestCase("box(side=1,side=1)", "'box(side=1,side=1)' gives 'side' twice.")]
    [TestCase("box(height=1)", "box has no parameter 'height'; it has side, tilt, share, count.")]
    [TestCase("dot(side=1)", "dot has no parameter 'side'; it has none.")]
    [TestCase("ring", "ring needs holes=N.")]
    [TestCase("ring(holes=N)", "'N' is no holes of ring: expected a whole number of at least 1.")]
    [TestCase("box(side=1=2)", "'1=2' is no side of box")]
    [TestCase("box(side=0)", "'0' is no side of box: expected a whole number of at least 1.")]
    [TestCase("box(side=1.5)", "'1.5' is no side of box")]
    [TestCase("box(tilt=)", "'' is no tilt of box: expected a finite number.")]
    [TestCase("box(tilt=nan)", "'nan' is no tilt of box")]
    [TestCase("box(tilt=-Infinity)", "'-Infinity' is no tilt of box")]
    [TestCase("box(tilt=1e39)", "'1e39' is no tilt of box")]
    [TestCase("way(length=most)", "'most' is no length of way: expected a finite number, or max.")]
    [TestCase("box(share=0)", "'0' is no share of box: expected a finite number above 0, at most 1.")]
    [TestCase("box(share=1.01)", "'1.01' is no share of box")]
    public void WhatIsWrongIsNamed(string text, string message)
        => Assert.That(() => Make(text), Throws.TypeOf<FormatException>().With.Message.Contains(message));

    [Test]
    public void AParameterThatTheRowDoesNotShowIsAMistakeOfTheRow()
        => Assert.That(() => Make("wrong"), Throws.InvalidOperationException.With.Message.Contains("'side'"));

    private static string Make(string text)
    {
        (Func<Call, string> make, Call call) = _table.Find(text);
        return make(call);
    }
}

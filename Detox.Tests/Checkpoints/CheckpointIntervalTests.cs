using Detox.Mpi.Checkpoints;
using NUnit.Framework;

namespace Detox.Tests.Checkpoints;

public sealed class CheckpointIntervalTests
{
    [TestCase("0", "0")]
    [TestCase("100", "100")]
    [TestCase("30 s", "30 s")]
    [TestCase("90s", "90 s")]
    [TestCase("120 s", "2 min")]
    [TestCase(" 10 min ", "10 min")]
    [TestCase("1.5 h", "90 min")]
    [TestCase("2h", "2 h")]
    public void ItReadsStepsAndTimes(string text, string canonical)
    {
        CheckpointInterval interval = CheckpointInterval.Parse(text);
        Assert.That(interval.ToString(), Is.EqualTo(canonical));
        Assert.That(CheckpointInterval.Parse(canonical), Is.EqualTo(interval));
    }

    [TestCase("")]
    [TestCase("-1")]
    [TestCase("1.5")]
    [TestCase("10 minutes")]
    [TestCase("0 s")]
    [TestCase("min")]
    [TestCase("1e9 h")]
    public void ItRefusesAllElse(string text) => Assert.Throws<FormatException>(() => CheckpointInterval.Parse(text));

    [Test]
    public void StepsOrTimeDecide()
    {
        CheckpointInterval steps = CheckpointInterval.Parse("10"), time = CheckpointInterval.Parse("1 min");
        Assert.That((steps.IsDue(9, TimeSpan.MaxValue), steps.IsDue(10, TimeSpan.Zero)), Is.EqualTo((false, true)));
        Assert.That((time.IsDue(long.MaxValue, TimeSpan.FromSeconds(59)), time.IsDue(0, TimeSpan.FromSeconds(60))), Is.EqualTo((false, true)));
        Assert.That(CheckpointInterval.Parse("0").IsDue(long.MaxValue, TimeSpan.MaxValue), Is.False);
    }
}

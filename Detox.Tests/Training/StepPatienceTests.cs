using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>How long rank 0 waits, in seconds.</summary>
public sealed class StepPatienceTests
{
    [TestCase(null, 60)]
    [TestCase(1f, 30)]
    [TestCase(10f, 120)]
    public void TheFirstStepIsGivenLonger(float? seconds, double whole)
    {
        StepPatience patience = new(seconds);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(whole));
        Assert.That(patience.Answer.TotalSeconds, Is.EqualTo(1));
        Assert.That(patience.Hold, Is.EqualTo(TimeSpan.Zero));
    }

    [TestCase(2, 20)]
    [TestCase(0.5, 5)]
    [TestCase(0.001, 5)]
    public void ByItselfItIsTenStepsAndAtLeastFiveSeconds(double step, double whole)
    {
        StepPatience patience = new(null);
        patience.Add(step);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(whole).Within(1e-6));
        Assert.That(patience.Hold.TotalSeconds, Is.EqualTo(1.5 * step).Within(1e-6));
    }

    [TestCase(0.2f)]
    [TestCase(3f)]
    [TestCase(500f)]
    public void AnExplicitOneStays(float seconds)
    {
        StepPatience patience = new(seconds);
        foreach (double step in (double[])[0.001, 1, 1000])
        {
            patience.Add(step);
            Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(seconds).Within(1e-6));
            Assert.That(patience.Answer, Is.LessThanOrEqualTo(patience.Whole / 4));
        }
    }

    [TestCase(0.5, 1)]
    [TestCase(0.001, 0.1)]
    [TestCase(4, 8)]
    [TestCase(0.8, 2 * 0.8)]
    public void AnAnswerHasTwoSteps(double step, double answer)
    {
        StepPatience patience = new(8 * 4);
        patience.Add(step);
        Assert.That(patience.Answer.TotalSeconds, Is.EqualTo(answer).Within(1e-6));
    }

    [Test]
    public void ItIsTheMedianThatCounts()
    {
        StepPatience patience = new(null);
        foreach (double step in (double[])[90, 1, 1, 2, 2, 3, 3, 3, 2, 70]) patience.Add(step);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(30).Within(1e-6).Or.EqualTo(20).Within(1e-6));
        for (int step = 0; step < 3; step++) patience.Add(2);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(20).Within(1e-6));
    }

    [Test]
    public void WhatIsLongAgoIsForgotten()
    {
        StepPatience patience = new(null);
        for (int step = 0; step < 1000; step++) patience.Add(1);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(10).Within(1e-6));
        for (int step = 0; step < 15; step++) patience.Add(3);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(10).Within(1e-6), "15 of the last 31");
        patience.Add(3);
        Assert.That(patience.Whole.TotalSeconds, Is.EqualTo(30).Within(1e-6), "16 of the last 31");
    }
}

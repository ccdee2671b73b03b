using System.Numerics;
using Detox.Gpu;
using Detox.Mpi.Attacks;
using Detox.Mpi.Training;

namespace Detox.Tests.Attacks;

/// <summary>What the attacks make of a payload.</summary>
public sealed class PayloadTests
{
    [TestCase("none", new[] { 1f, -2f, 0.5f })]
    [TestCase("reverse", new[] { -100f, 200f, -50f })]
    [TestCase("reverse(scale=3)", new[] { -3f, 6f, -1.5f })]
    [TestCase("constant", new[] { -100f, -100f, -100f })]
    [TestCase("constant(value=7)", new[] { 7f, 7f, 7f })]
    [TestCase("nan", new[] { float.NaN, float.NaN, float.NaN })]
    public void ByHand(string attack, float[] expected) => Assert.That(Replaced(attack, [1, -2, 0.5f], 1), Is.EqualTo(expected));

    [Test]
    public void ABitFlipChangesOneBitAndMayChangeAny()
    {
        uint[] flipped = new uint[3];
        for (ulong seed = 0; seed < 2000; seed++)
        {
            float[] payload = Replaced("bit-flip", [1, -2, 0.5f], seed);
            uint[] differences = [.. payload.Zip((float[])[1, -2, 0.5f], (x, y) => BitConverter.SingleToUInt32Bits(x) ^ BitConverter.SingleToUInt32Bits(y))];
            Assert.That(differences.Sum(BitOperations.PopCount), Is.EqualTo(1), $"seed {seed}");
            for (int i = 0; i < 3; i++) flipped[i] |= differences[i];
        }

        Assert.That(flipped, Is.All.EqualTo(uint.MaxValue));
    }

    [Test]
    public void ALittleIsEnoughStandsSoManyDeviationsOffTheHonestMean()
    {
        // Behind each head: 1, 1, 5, 5 have the mean 3 and the deviation 2; -8, 0, 8, 0 have 0 and the square root of 32.
        float[][] messages = [Message(1, -8), Message(1, 0), Message(5, 8), Message(5, 0), Message(100, 100)];
        float[] payload = [9, 9];
        Attack.Parse("alie(z=0.5)").Collude(new HonestPayloads(messages, 4), payload);
        Assert.That(payload, Is.EqualTo(new[] { 4f, (float)Math.Sqrt(8) }));

        static float[] Message(float first, float second) => [.. Enumerable.Repeat(77f, 16), first, second];
    }

    [Test]
    public void OnlyALittleIsEnoughAsksForHonestGradients()
    {
        foreach (Attack attack in Attack.Known.Names.Select(Attack.Parse))
        {
            Assert.That(attack.NeedsHonestGradients, Is.EqualTo(attack.Name == "alie(z=1)"));
            if (!attack.NeedsHonestGradients)
                Assert.That(() => attack.Collude(new HonestPayloads([], 0), new float[1]), Throws.TypeOf<NotSupportedException>().With.Message.Contains(attack.Name));
        }
    }

    [Test]
    public void OnlyNoneIsNone() => Assert.That(Attack.Known.Names.Where(name => Attack.Parse(name).IsNone), Is.EqualTo(new[] { "none" }));

    [Test]
    public void AnUnknownNameListsTheKnown()
        => Assert.That(() => Attack.Parse("Reverse"), Throws.TypeOf<FormatException>().With.Message.Contains("there is no attack 'Reverse'; there are none, reverse, constant"));

    private static float[] Replaced(string attack, float[] payload, ulong seed)
    {
        Attack.Parse(attack).Replace(payload, new SeededRandom(seed));
        return payload;
    }
}

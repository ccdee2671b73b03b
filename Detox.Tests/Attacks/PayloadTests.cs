using System.Numerics;
using Detox.Gpu.Aggregation;
using Detox.Mpi.Attacks;
using Detox.Mpi.Training;
using Detox.Tests.Aggregation;
using MathNet.Numerics.Distributions;

namespace Detox.Tests.Attacks;

/// <summary>What the attacks make of a payload.</summary>
internal sealed class PayloadTests
{
    private static readonly KnownRule _median = new(() => AggregationRule.Parse("median", 2));

    /// <summary>The attacks that make a vector of vectors.</summary>
    private static IEnumerable<string> Vectors => Attack.Known.Names.Where(name => Attack.Parse(name) is not (ProtocolAttack or SampleAttack));

    [TestCase("none", new[] { 1f, -2f, 0.5f })]
    [TestCase("reverse", new[] { -100f, 200f, -50f })]
    [TestCase("reverse(scale=3)", new[] { -3f, 6f, -1.5f })]
    [TestCase("constant", new[] { -100f, -100f, -100f })]
    [TestCase("constant(value=7)", new[] { 7f, 7f, 7f })]
    [TestCase("nan", new[] { float.NaN, float.NaN, float.NaN })]
    [TestCase("inf", new[] { float.PositiveInfinity, float.PositiveInfinity, float.PositiveInfinity })]
    [TestCase("capture", new[] { -100f, 200f, -50f })]
    [TestCase("sign-flip", new[] { -3f, 1f, -1f })]
    [TestCase("ipm", new[] { -6f, 2f, -2f })]
    [TestCase("alie", new[] { 5f, 0f, 1.5f })]
    [TestCase("alie(ddof=1,z=-2)", new[] { 3 - 5.656854f, -1 - 2.828427f, 1 - 1.414214f })]
    [TestCase("mimic(row=1)", new[] { 5f, 0f, 1.5f })]
    [TestCase("min-max", new[] { 1f, -2f, 0.5f })]
    [TestCase("min-sum", new[] { 1f, -2f, 0.5f })]
    public void ByHand(string attack, float[] expected)
        => Assert.That(Attack.Parse(attack).Send([[1, -2, 0.5f], [5, 0, 1.5f]], 1), Is.EqualTo(expected).Within(1e-6f));

    /// <summary>(1, -1) - gamma (1, 1) has the squared distance 2 + 2 gamma^2 from either row, and they have 8 from each other.</summary>
    [TestCase("min-max", -0.7320508f, -2.7320508f)]
    [TestCase("min-sum", 0, -2)]
    public void TheLargestGammaByHand(string attack, float first, float second)
        => Assert.That(Attack.Parse(attack).Send([[0, 0], [2, -2]], 1), Is.EqualTo(new[] { first, second }).Within(1e-6f));

    [Test]
    public void ABitFlipChangesOneBitAndMayChangeAny()
    {
        uint[] flipped = new uint[3];
        for (ulong seed = 0; seed < 2000; seed++)
        {
            float[] payload = Attack.Parse("bit-flip").Send([[1, -2, 0.5f]], 0, seed: seed);
            uint[] differences = [.. payload.Zip((float[])[1, -2, 0.5f], (x, y) => BitConverter.SingleToUInt32Bits(x) ^ BitConverter.SingleToUInt32Bits(y))];
            Assert.That(differences.Sum(BitOperations.PopCount), Is.EqualTo(1), $"seed {seed}");
            for (int i = 0; i < 3; i++) flipped[i] |= differences[i];
        }

        Assert.That(flipped, Is.All.EqualTo(uint.MaxValue));
    }

    /// <summary>As an experiment gathers them: each payload behind the head of its message, and room for more of them.</summary>
    [Test]
    public void ALittleIsEnoughStandsSoManyDeviationsOffTheHonestMean()
    {
        // Behind each head: 1, 1, 5, 5 have the mean 3 and the deviation 2; -8, 0, 8, 0 have 0 and the square root of 32.
        float[][] messages = [Message(1, -8), Message(1, 0), Message(5, 8), Message(5, 0), Message(100, 100)];
        float[] payload = [9, 9];
        Attack.Parse("alie(z=0.5)").Collude(new HonestPayloads(messages, 4, Head.Floats, [0, 1, 2, 3]), default, payload);
        Assert.That(payload, Is.EqualTo(new[] { 4f, (float)Math.Sqrt(8) }));

        static float[] Message(float first, float second) => [.. Enumerable.Repeat(77f, 16), first, second];
    }

    /// <summary>Nobody is fooled by what is honest: each attack sends something else, but the one that repeats a gradient.</summary>
    [Test]
    public void EachAttackChangesWhatItSends([ValueSource(nameof(Vectors))] string name)
    {
        float[][] rows = SampleRows.Honest(9, 30, 1);
        Attack attack = Attack.Parse(name);
        float[] first = attack.Send(rows, 2, _median), second = attack.Send(rows[1..], 2, _median);
        if (name is "none" or "mimic" or "stuck") Comparisons.BitEqual(rows[0], first, name);
        else Assert.That(rows, Has.None.EqualTo(first));
        if (name is "none" or "mimic") Comparisons.BitEqual(rows[1], second, name);
        else Assert.That(rows[1..], Has.None.EqualTo(second));
        if (name == "stuck") Comparisons.BitEqual(rows[0], second, name);
    }

    /// <summary>Outside the gradient a payload has statistics and the loss, which nobody measures distances of; they go as far along the line as the gradient does.</summary>
    [TestCase("min-max")]
    [TestCase("min-sum")]
    [TestCase("opt-ipm")]
    [TestCase("opt-alie")]
    public void TheGradientDecidesHowFarThePayloadGoes(string name)
    {
        const int length = 20, tail = 3;
        float[][] rows = [.. SampleRows.Honest(9, length, 1).Zip(SampleRows.Honest(9, tail, 2), (gradient, rest) => (float[])[.. gradient, .. rest.Select(x => x * 1e6f)])];
        float[][] gradients = [.. rows.Select(row => row[..length])], rests = [.. rows.Select(row => row[length..])];
        float[] payload = new float[length + tail];
        Attack.Parse(name).Collude(new HonestPayloads(rows, 2), new AttackContext(1, 0, 0) { GradientLength = length, Rule = _median }, payload);
        float[] gradient = Attack.Parse(name).Send(gradients, 2, _median);
        Comparisons.BitEqual(gradient, payload.AsSpan(0, length), "the gradient");

        // What is a factor of the first coordinate is one of the last, too.
        double[] mean = PlainAttacks.Mean(rows), origin = name == "opt-ipm" ? new double[mean.Length] : mean, direction = name == "opt-ipm" ? mean : PlainAttacks.Deviation(rows, 0);
        double factor = (payload[0] - origin[0]) / direction[0];
        for (int j = 0; j < payload.Length; j++) Assert.That((payload[j] - origin[j]) / direction[j], Is.EqualTo(factor).Within(1e-4 * (1 + Math.Abs(factor))), $"at {j}");
        Assert.That(rests, Has.Length.EqualTo(9));
    }

    [Test]
    public void CaptureIsHonestWhereItWouldBeOutvoted()
    {
        float[] payload = [1, -2, 0.5f];
        Attack.Parse("capture").Replace(payload, new AttackContext(1, 0, 0));
        Assert.That(payload, Is.EqualTo(new[] { 1f, -2f, 0.5f }));
        Assert.That(Attack.Parse("capture").OwnPlacement, Is.EqualTo("worst"));
        Assert.That(Attack.Known.Names.Where(name => name != "capture").Select(name => Attack.Parse(name).OwnPlacement), Is.All.Null);
    }

    /// <summary>What must be alike for attackers of one group is alike for all ranks; what a single fault does is a rank's own.</summary>
    [Test]
    public void AttackersThatNeedOneMindHaveIt([ValueSource(nameof(Vectors))] string name)
    {
        if (Attack.Parse(name).NeedsHonestGradients) return;
        float[] first = Replaced(rank: 1), second = Replaced(rank: 2), later = Replaced(rank: 1, step: 8), otherSeed = Replaced(rank: 1, seed: 4);
        if (name == "bit-flip") Assert.That(second, Is.Not.EqualTo(first));
        else Comparisons.BitEqual(first, second, name);
        if (name is "bit-flip" or "gaussian") Assert.That((float[][])[later, otherSeed], Has.None.EqualTo(first));
        else Assert.That((float[][])[later, otherSeed], Is.All.EqualTo(first));

        float[] Replaced(int rank, long step = 7, ulong seed = 3)
        {
            float[] payload = [.. Enumerable.Range(1, 50)];
            Attack.Parse(name).Replace(payload, new AttackContext(seed, step, rank) { HasMajority = true });
            return payload;
        }
    }

    [Test]
    public void NoiseIsNormal()
    {
        float[] noise = Attack.Parse("gaussian(sigma=3)").Send([new float[200_000]], 0);
        double mean = noise.Average(x => (double)x), variance = noise.Average(x => ((double)x - mean) * (x - mean));
        Assert.That(mean, Is.EqualTo(0).Within(0.03));
        Assert.That(variance, Is.EqualTo(9).Within(0.15));

        // Kolmogorov and Smirnov's distance is below 1.95 / sqrt(n) in all but one of a thousand samples.
        Array.Sort(noise);
        double farthest = noise.Select((x, i) => Math.Abs(Normal.CDF(0, 3, x) - ((i + 0.5) / noise.Length))).Max();
        Assert.That(farthest, Is.LessThan(1.95 / Math.Sqrt(noise.Length)));
    }

    [Test]
    public void NoiseHasTheBitsThatItHad()
        => Comparisons.BitEqual([-0.04752862825989723f, 2.2529470920562744f, -0.7806041240692139f, 1.205197811126709f], Attack.Parse("gaussian").Send([new float[4]], 0, seed: 1, step: 2), "gaussian");

    [Test]
    public void FewAskForHonestGradientsAndFewerForARule()
    {
        string[] collude = ["sign-flip", "ipm", "opt-ipm", "alie", "opt-alie", "mimic", "min-max", "min-sum", "fang"];
        Assert.That(Attack.Known.Names.Where(name => Attack.Parse(name).NeedsHonestGradients), Is.EqualTo(collude));
        Assert.That(Attack.Known.Names.Where(name => Attack.Parse(name).NeedsRule), Is.EqualTo(new[] { "opt-ipm", "opt-alie" }));
        foreach (Attack attack in Attack.Known.Names.Except(collude).Select(Attack.Parse))
            Assert.That(() => attack.Collude(new HonestPayloads([], 0), default, new float[1]), Throws.TypeOf<NotSupportedException>().With.Message.Contains(attack.Name));
    }

    [Test]
    public void OnlyNoneIsNone() => Assert.That(Attack.Known.Names.Where(name => Attack.Parse(name).IsNone), Is.EqualTo(new[] { "none" }));

    [Test]
    public void AnUnknownNameListsTheKnown()
        => Assert.That(() => Attack.Parse("Reverse"), Throws.TypeOf<FormatException>().With.Message.Contains("there is no attack 'Reverse'; there are none, reverse, constant, gaussian"));
}

using Detox.Mpi;
using Detox.Mpi.Attacks;

namespace Detox.Tests.Attacks;

/// <summary>What attackers send that know the honest gradients, against plain implementations in double.</summary>
internal sealed class SentVectorTests
{
    private const ulong Seed = 5;
    private const long Step = 3;

    private static readonly (string Attack, Func<float[][], double[]> Plain)[] _attacks =
    [
        ("sign-flip", rows => PlainAttacks.Ipm(rows, 1)),
        ("ipm", rows => PlainAttacks.Ipm(rows, 2)),
        ("ipm(tau=-0.25)", rows => PlainAttacks.Ipm(rows, -0.25)),
        ("alie", rows => PlainAttacks.Alie(rows, 1)),
        ("alie(z=-1.5)", rows => PlainAttacks.Alie(rows, -1.5)),
        ("alie(ddof=1)", rows => PlainAttacks.Alie(rows, 1, 1)),
        ("mimic", rows => Array.ConvertAll(rows[0], x => (double)x)),
        ("min-max", PlainAttacks.MinMax),
        ("min-sum", PlainAttacks.MinSum),
        ("fang", rows => PlainAttacks.Fang(rows, 2, Seed, Step)),
        ("fang(b=1.125)", rows => PlainAttacks.Fang(rows, 1.125, Seed, Step)),
        ("reverse(scale=2)", rows => Array.ConvertAll(rows[0], x => -2.0 * x)),
        ("capture(scale=2)", rows => Array.ConvertAll(rows[0], x => -2.0 * x)),
    ];

    private static IEnumerable<TestCaseData> Cases()
        => from attack in _attacks
           from rows in HonestRows.All
           where attack.Attack != "alie(ddof=1)" || rows.Value.Length > 1
           select new TestCaseData(attack.Attack, attack.Plain, rows.Value).SetArgDisplayNames(attack.Attack, rows.Key);

    [TestCaseSource(nameof(Cases))]
    public void ItIsWhatAPlainImplementationSends(string attack, Func<float[][], double[]> plain, float[][] rows)
        => AssertNear(rows, plain(rows), Send(attack, rows), attack);

    /// <summary>With s = 4, 2, 18 and 8 by hand; then where attackers need nobody, or everybody.</summary>
    [TestCase(15, 4, 7 / 11.0)]
    [TestCase(50, 24, 24 / 26.0)]
    [TestCase(45, 5, 22 / 40.0)]
    [TestCase(15, 0, 7 / 15.0)]
    [TestCase(3, 2, 0.5)]
    [TestCase(8, 6, 0.5)]
    [TestCase(1, 0, 0.5)]
    [TestCase(2, 1, 0.5)]
    public void TheLargestZIsThePapers(int n, int f, double phi)
    {
        double z = AlieAttack.LargestZ(n, f);
        Assert.That(Phi(z), Is.EqualTo(phi).Within(1e-9));
        float[][] rows = [.. HonestRows.All["of all signs"], .. HonestRows.All["of all signs"], .. HonestRows.All["of all signs"]];
        if (n - f <= rows.Length) AssertNear(rows[..(n - f)], PlainAttacks.Alie(rows[..(n - f)], z), Send("alie(z=max)", rows[..(n - f)], f), "alie(z=max)");
    }

    [Test]
    public void MoreAttackersGoFartherAndStillHide()
    {
        for (int f = 0; f < 22; f++) Assert.That(AlieAttack.LargestZ(45, f + 1), Is.GreaterThan(AlieAttack.LargestZ(45, f)), $"{f} of 45");
    }

    /// <summary>What the papers promise of the two: the vector is no outlier, and the next float beyond would be one.</summary>
    [Test]
    public void MinMaxAndMinSumStayWithinTheirBoundsAndReachThem([Values("2 rows", "15 rows", "of all signs", "of many sizes", "huge", "tiny")] string name)
    {
        float[][] rows = HonestRows.All[name];
        double Square(float[] x, float[] y) => x.Zip(y, (a, b) => ((double)a - b) * ((double)a - b)).Sum();
        float[] nearest = Send("min-max", rows), lightest = Send("min-sum", rows);
        Assert.That(rows.Max(x => Square(x, nearest)) / rows.Max(x => rows.Max(y => Square(x, y))), Is.EqualTo(1).Within(1e-5));
        Assert.That(rows.Sum(x => Square(x, lightest)) / rows.Max(x => rows.Sum(y => Square(x, y))), Is.EqualTo(1).Within(1e-5));
    }

    [Test]
    public void FangsValuesLieBeyondTheHonestOnesAgainstTheMean([Values("15 rows", "of all signs", "ties")] string name)
    {
        float[][] rows = HonestRows.All[name];
        float[] sent = Send("fang", rows);
        double[] mean = PlainAttacks.Mean(rows);
        for (int j = 0; j < sent.Length; j++)
        {
            float[] column = [.. rows.Select(row => row[j])];
            if (mean[j] > 0) Assert.That(sent[j], Is.LessThanOrEqualTo(column.Min()).And.GreaterThan(column.Min() - Math.Abs(column.Min()) - 1e-30f));
            else if (mean[j] < 0) Assert.That(sent[j], Is.GreaterThanOrEqualTo(column.Max()).And.LessThan(column.Max() + Math.Abs(column.Max()) + 1e-30f));
            else Assert.That(sent[j], Is.Zero);
        }
    }

    [Test]
    public void MimicRepeatsTheRowThatItIsTold()
    {
        float[][] rows = HonestRows.All["9 rows"];
        for (int row = 0; row < rows.Length; row++) Comparisons.BitEqual(rows[row], Send($"mimic(row={row})", rows), $"row {row}");
    }

    [TestCase("mimic(row=3)", "--attack mimic(row=3): it takes at least 4 honest gradients, and there are 3.")]
    [TestCase("alie(ddof=3)", "--attack alie(z=1,ddof=3): it takes at least 4 honest gradients, and there are 3.")]
    [TestCase("opt-alie(ddof=5)", "it takes at least 6 honest gradients, and there are 3.")]
    [TestCase("opt-ipm", "--attack opt-ipm: it takes a rule to work against.")]
    [TestCase("mute", "--attack mute: it changes messages, and has no vector to show.")]
    [TestCase("slow", "--attack slow(seconds=1): it changes messages, and has no vector to show.")]
    [TestCase("label-flip", "--attack label-flip: it computes with other samples, and has no vector to show.")]
    [TestCase("lazy", "--attack lazy(share=0.5): it computes with other samples, and has no vector to show.")]
    public void WhatHasNoVectorToShowSaysWhy(string attack, string message)
    {
        DetoxException? error = Assert.Throws<DetoxException>(() => Send(attack, [[1, 2], [3, 4], [5, 6]]));
        Assert.That(error!.Message, Does.EndWith(message));
        Assert.That(error.Code, Is.EqualTo(ExitCode.Usage));
    }

    [Test]
    public void NoRowsAreTooFew()
        => Assert.That(() => Send("sign-flip", []), Throws.TypeOf<DetoxException>().With.Message.Contains("it takes at least 1 honest gradients, and there are 0"));

    [Test]
    public void RowsOfOneMatrixAreEquallyLong()
        => Assert.That(() => Send("sign-flip", [[1, 2], [3, 4], [5]]), Throws.ArgumentException.With.Message.Contains("Row 2 has 1 floats, row 0 has 2."));

    [Test]
    public void TheRowsAreNotChanged()
    {
        foreach (string attack in Attack.Known.Names.Where(name => Attack.Parse(name) is not (ProtocolAttack or SampleAttack or OptimisedAttack)))
        {
            float[][] rows = HonestRows.All["9 rows"], copy = [.. rows.Select(row => (float[])[.. row])];
            Send(attack, copy);
            for (int i = 0; i < rows.Length; i++) Comparisons.BitEqual(rows[i], copy[i], $"{attack}, row {i}");
        }
    }

    private static float[] Send(string attack, float[][] rows, int f = 2) => Attack.Parse(attack).Send(rows, f, seed: Seed, step: Step);

    private static void AssertNear(float[][] rows, double[] expected, float[] found, string what)
    {
        Assert.That(found, Has.Length.EqualTo(expected.Length), what);
        for (int j = 0; j < expected.Length; j++)
        {
            // A float's own rounding, and what sums in another order and a bisection may differ by.
            double tolerance = (1.2e-7 * Math.Abs(expected[j])) + (1e-9 * rows.Max(row => Math.Abs((double)row[j]))) + float.Epsilon;
            Comparisons.Within(expected[j], found[j], tolerance, $"{what}, at {j}");
        }
    }

    /// <summary>The normal distribution, by Simpson's rule.</summary>
    private static double Phi(double z)
    {
        const int pieces = 2000;
        double width = z / pieces, sum = 0;
        for (int i = 0; i <= pieces; i++)
        {
            double x = i * width;
            sum += (i == 0 || i == pieces ? 1 : i % 2 == 1 ? 4 : 2) * Math.Exp(-x * x / 2);
        }

        return 0.5 + (sum * width / 3 / Math.Sqrt(2 * Math.PI));
    }
}

using System.Numerics;
using Detox.Mpi.Groups;

namespace Detox.Tests.Groups;

/// <summary>The exact law of captured groups: how many of p/r groups hold a majority of Byzantine ranks, when every set of q of the p
/// ranks is equally likely to be the Byzantine ones.</summary>
/// <remarks>With m = (r+1)/2, one group's choices are counted by lost(x) = sum over b &lt; m of C(r,b) x^b and won(x) = sum over b >= m
/// of C(r,b) x^b. The sets that capture exactly c groups number C(p/r, c) [x^q] won(x)^c lost(x)^(p/r - c), of C(p, q) in all. All in
/// integers of any size; only the last quotients are rounded to double, to within 2^-52 of each.</remarks>
internal sealed class ExactGroupLaw
{
    private readonly BigInteger[] _ways;
    private readonly BigInteger _all;

    private ExactGroupLaw(int groups, BigInteger[] ways, BigInteger all) => (Groups, _ways, _all) = (groups, ways, all);

    /// <summary>p/r.</summary>
    public int Groups { get; }

    /// <summary>The bound f that rules are told: the most groups that q ranks can win, floor(q / ((r+1)/2)), and no more than there are.</summary>
    public int MaximumCaptured => _ways.Length - 1;

    /// <summary>The expected number of captured groups.</summary>
    public double ExpectedCaptured
    {
        get
        {
            BigInteger sum = 0;
            for (int c = 1; c < _ways.Length; c++) sum += c * _ways[c];
            return Quotient(sum, _all);
        }
    }

    /// <summary>The law for p ranks in groups of r (odd), q of them Byzantine.</summary>
    public static ExactGroupLaw Create(int ranks, int groupSize, int byzantine)
    {
        GroupTable.CheckForm(ranks, groupSize);
        GroupTable.CheckByzantine(ranks, byzantine);
        int groups = ranks / groupSize, majority = (groupSize + 1) / 2;
        int most = Math.Min(groups, byzantine / majority);

        var lost = new BigInteger[majority];
        var won = new BigInteger[groupSize + 1];
        for (int b = 0; b <= groupSize; b++) (b < majority ? lost : won)[b] = Binomial(groupSize, b);

        // lostPower[c] = lost^(groups - c): built upwards, kept from the fewest lost groups that can be.
        var lostPower = new BigInteger[most + 1][];
        BigInteger[] power = [1];
        for (int n = 0; n <= groups; n++)
        {
            if (groups - n <= most) lostPower[groups - n] = power;
            power = Product(power, lost, byzantine);
        }

        var ways = new BigInteger[most + 1];
        BigInteger[] wonPower = [1];
        for (int c = 0; c <= most; c++)
        {
            ways[c] = Binomial(groups, c) * Coefficient(wonPower, lostPower[c], byzantine);
            wonPower = Product(wonPower, won, byzantine);
        }
        return new(groups, ways, Binomial(ranks, byzantine));
    }

    /// <summary>How many of the C(p, q) sets of Byzantine ranks capture exactly c groups.</summary>
    public BigInteger Ways(int captured) => captured < 0 || captured >= _ways.Length ? BigInteger.Zero : _ways[captured];

    /// <summary>The probability of exactly 0, 1, ..., <see cref="MaximumCaptured"/> captured groups.</summary>
    public double[] Pmf() => [.. _ways.Select(ways => Quotient(ways, _all))];

    /// <summary>The probability that at least so many groups are captured.</summary>
    public double AtLeast(int captured)
    {
        BigInteger sum = 0;
        for (int c = Math.Max(captured, 0); c < _ways.Length; c++) sum += _ways[c];
        return Quotient(sum, _all);
    }

    private static BigInteger Binomial(int n, int k)
    {
        BigInteger product = 1;
        for (int i = 1; i <= Math.Min(k, n - k); i++) product = product * (n - i + 1) / i;
        return product;
    }

    private static BigInteger[] Product(BigInteger[] a, BigInteger[] b, int highest)
    {
        var product = new BigInteger[Math.Min(a.Length + b.Length - 1, highest + 1)];
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i].IsZero) continue;
            for (int j = 0; j < b.Length && i + j < product.Length; j++) product[i + j] += a[i] * b[j];
        }
        return product;
    }

    private static BigInteger Coefficient(BigInteger[] a, BigInteger[] b, int power)
    {
        BigInteger sum = 0;
        for (int i = Math.Max(0, power - b.Length + 1); i < a.Length && i <= power; i++) sum += a[i] * b[power - i];
        return sum;
    }

    // Both numbers may be far beyond a double: the quotient is taken as an integer of at least 64 bits first.
    private static double Quotient(BigInteger numerator, BigInteger denominator)
    {
        if (numerator.IsZero) return 0;
        int shift = Math.Max(0, (int)(denominator.GetBitLength() - numerator.GetBitLength()) + 65);
        return Math.ScaleB((double)((numerator << shift) / denominator), -shift);
    }
}

using System.Numerics;
using MathNet.Numerics.Distributions;

namespace Detox.Mpi.Groups;

/// <summary>The law of struck groups: a group of r ranks of which b are Byzantine is struck with the probability chances[b], by itself, and every set
/// of q of the p ranks is equally likely to be the Byzantine ones. Chances of 1 from (r+1)/2 on and 0 before make it the law of captured groups.</summary>
/// <remarks>With struck(x) = sum over b of C(r, b) chances[b] x^b, and spared(x) the same of 1 - chances[b], exactly c of the G = p/r groups are
/// struck with a probability in proportion to C(G, c) [x^q] struck(x)^c spared(x)^(G-c). The coefficient is an integral over a circle around the origin, taken
/// by the trapezoidal rule at some twenty points a standard deviation, through the saddle point, where the integrand is positive and as small as it gets: so no digits cancel, and a probability is
/// right to 1e-10 of itself, however small, up to p = 100,000. The work grows with the deviations of the sums, not with p. Numbers whose probability is below 1e-40 of the
/// likeliest one's are left out.
/// Sources: Flajolet, Sedgewick 2009, "Analytic combinatorics", chapter VIII; Trefethen, Weideman 2014, "The exponentially convergent trapezoidal rule".</remarks>
internal sealed class GroupLaw
{
    private const double LogLeast = -92;

    // Of the integrand's greatest value: e^-45 is 3e-20.
    private const double LogNegligible = -45;

    private readonly int _groups;
    private readonly int _q;
    private readonly TiltedSeries _struck;
    private readonly TiltedSeries _spared;
    private double _logRadius;

    private GroupLaw(int groups, int q, TiltedSeries struck, TiltedSeries spared) => (_groups, _q, _struck, _spared) = (groups, q, struck, spared);

    /// <param name="groups">G.</param>
    /// <param name="byzantine">q, at most r G.</param>
    /// <param name="chances">r + 1 of them.</param>
    public static CountLaw Struck(int groups, int byzantine, ReadOnlySpan<double> chances)
    {
        int r = chances.Length - 1;
        double[] struck = new double[r + 1], spared = new double[r + 1];
        double logWays = 0;
        for (int b = 0; b <= r; b++)
        {
            struck[b] = logWays + Math.Log(chances[b]);
            spared[b] = logWays + Math.Log(1 - chances[b]);
            logWays += Math.Log((r - b) / (b + 1.0));
        }

        GroupLaw law = new(groups, byzantine, new TiltedSeries(struck), new TiltedSeries(spared));
        return law.Around((int)Math.Round(groups * ChanceOfOne(groups, byzantine, chances)));
    }

    /// <summary>The law of so many groups that are struck with one chance each.</summary>
    public static CountLaw Binomial(int groups, double chance) => Struck(groups, 0, [chance, 0]);

    /// <summary>That one group is struck.</summary>
    private static double ChanceOfOne(int groups, int byzantine, ReadOnlySpan<double> chances)
    {
        int r = chances.Length - 1;
        Hypergeometric inAGroup = new(r * groups, byzantine, r);
        double chance = 0;
        for (int b = inAGroup.Minimum; b <= inAGroup.Maximum; b++)
            if (chances[b] > 0) chance += chances[b] * inAGroup.Probability(b);
        return chance;
    }

    /// <summary>The law, from a number that is possible upwards and downwards until numbers are too rare.</summary>
    private CountLaw Around(int start)
    {
        double first = LogWeight(start), most = first;
        List<double> up = Walk(+1), down = Walk(-1);
        double[] weights = [.. Enumerable.Reverse(down), first, .. up];
        for (int i = 0; i < weights.Length; i++) weights[i] = Math.Exp(weights[i] - most);
        return new CountLaw(start - down.Count, weights);

        List<double> Walk(int by)
        {
            List<double> logs = [];
            double logChoices = 0;
            for (int c = start + by; c >= 0 && c <= _groups; c += by)
            {
                // C(G, c) from its neighbour's.
                logChoices += by > 0 ? Math.Log((_groups - c + 1.0) / c) : Math.Log((c + 1.0) / (_groups - c));
                double log = logChoices + LogWeight(c);
                if (log < most + LogLeast) break;
                most = Math.Max(most, log);
                logs.Add(log);
            }

            return logs;
        }
    }

    /// <summary>The logarithm of [x^q] struck(x)^c spared(x)^(G-c).</summary>
    private double LogWeight(int c)
    {
        int others = _groups - c;
        if ((c > 0 && _struck.IsZero) || (others > 0 && _spared.IsZero)) return double.NegativeInfinity;
        long least = ((long)c * _struck.Lowest) + ((long)others * _spared.Lowest), greatest = ((long)c * _struck.Highest) + ((long)others * _spared.Highest);
        if (_q < least || _q > greatest) return double.NegativeInfinity;

        // At either end one coefficient is left of each factor: the circle has the radius 0, or an infinite one.
        if (_q == least) return Power(c, _struck.LogOfLowest) + Power(others, _spared.LogOfLowest);
        if (_q == greatest) return Power(c, _struck.LogOfHighest) + Power(others, _spared.LogOfHighest);
        double deviation = FindSaddle(c);
        return Power(c, _struck.Log) + Power(others, _spared.Log) - (_q * _logRadius) + Math.Log(Integral(c, deviation, greatest - least));

        // Of a polynomial that takes no part there may be no logarithm.
        static double Power(int exponent, double log) => exponent == 0 ? 0 : exponent * log;
    }

    /// <summary>Moves both polynomials to the circle on which the sum of the tilted numbers has the mean q, to within a hundredth of its standard
    /// deviation, which is returned. From the last circle, with Newton's steps, kept between what was too small and what was too large.</summary>
    private double FindSaddle(int c)
    {
        const double nearEnough = 0.01, leastDeviation = 1e-6;
        double low = double.NegativeInfinity, high = double.PositiveInfinity;
        while (true)
        {
            _struck.MoveTo(_logRadius);
            _spared.MoveTo(_logRadius);
            double excess = Sum(_struck.Mean, _spared.Mean) - _q, variance = Sum(_struck.Variance, _spared.Variance);
            if (Math.Abs(excess) <= nearEnough * Math.Max(Math.Sqrt(variance), leastDeviation)) return Math.Sqrt(variance);
            if (excess > 0) high = _logRadius;
            else low = _logRadius;
            double longest = double.IsFinite(high - low) ? (high - low) / 2 : Math.Max(1, Math.Abs(_logRadius));
            double newton = Math.Abs(excess / variance);
            _logRadius -= Math.Sign(excess) * (newton < longest ? newton : longest);
        }

        double Sum(double ofStruck, double ofSpared) => (c == 0 ? 0 : c * ofStruck) + (c == _groups ? 0 : (_groups - c) * ofSpared);
    }

    /// <summary>The mean of the integrand over the circle; it is 1 at angle 0. Points are doubled until they change nothing, or are more than
    /// there are powers, which makes the sum exact.</summary>
    private double Integral(int c, double deviation, long span)
    {
        const double pointsADeviation = 8, converged = 1e-13;
        double neighbours = (c * _struck.Neighbours) + ((_groups - c) * _spared.Neighbours);
        double farthest = 2 * neighbours > -LogNegligible ? Math.Acos(1 + (LogNegligible / neighbours)) : Math.PI;
        ulong points = BitOperations.RoundUpToPowerOf2((ulong)(pointsADeviation * (deviation + 1)));
        double sum = farthest < Math.PI ? 1 : 1 + Value(c, Math.PI);
        for (ulong k = 1; k < points / 2 && Angle(2 * k) <= farthest; k++) sum += 2 * Value(c, Angle(2 * k));
        while (true)
        {
            double last = sum / points;
            for (ulong k = 0; k < points / 2 && Angle((2 * k) + 1) <= farthest; k++) sum += 2 * Value(c, Angle((2 * k) + 1));
            points *= 2;
            double mean = sum / points;
            if (Math.Abs(mean - last) <= converged * mean || points > (ulong)span) return mean;
        }

        double Angle(ulong halfPoints) => Math.PI * halfPoints / points;
    }

    /// <summary>The integrand's real part at an angle; the imaginary parts of an angle and its negative cancel.</summary>
    private double Value(int c, double angle)
    {
        int others = _groups - c;
        Complex struck = c == 0 ? Complex.One : _struck.At(angle), spared = others == 0 ? Complex.One : _spared.At(angle);
        double log = (c * LogMagnitude(struck)) + (others * LogMagnitude(spared));
        if (log < LogNegligible) return 0;
        double turned = _q - ((double)c * _struck.Lowest) - ((double)others * _spared.Lowest);
        return Math.Exp(log) * Math.Cos((c * struck.Phase) + (others * spared.Phase) - (turned * angle));

        static double LogMagnitude(Complex value) => Math.Log((value.Real * value.Real) + (value.Imaginary * value.Imaginary)) / 2;
    }
}

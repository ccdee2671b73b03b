using MathNet.Numerics.Distributions;

namespace Detox.Mpi.Attacks;

/// <summary>"A little is enough": all attackers send mean + z * standard deviation of the honest gradients, coordinate by
/// coordinate, so that the wrong vector hides within the spread of the right ones.</summary>
/// <remarks>The mean and the standard deviation, of the divisor n - ddof, are taken in double over the honest ranks'
/// distinct gradients, in ascending order of their groups. Source: Baruch, Baruch, Goldberg 2019.</remarks>
/// <param name="z">Null: <see cref="LargestZ"/> for the vectors that the rule joins.</param>
public sealed class AlieAttack(float? z, int ddof) : LineAttack
{
    /// <summary>What stands in z's place for the paper's own.</summary>
    public const string Largest = "max";

    public override string Name => $"alie(z={z?.ToString("R") ?? Largest},ddof={ddof})";

    public override int HonestNeeded => ddof + 1;

    /// <summary>The paper's z_max (its algorithm 3): with s = floor(n/2 + 1) - f honest vectors on their side attackers have a majority, so z_max is the largest z with Phi(z) &lt; (n - f - s) / (n - f).</summary>
    /// <remarks>Attackers that are a majority themselves (s &lt; 1) count on one honest vector all the same. Where every honest vector would be needed, no z is small enough, and this is 0.</remarks>
    /// <param name="n">Vectors, f of which are attackers'.</param>
    public static double LargestZ(int n, int f)
    {
        int supporters = Math.Max((n / 2) + 1 - f, 1);
        return n - f > supporters ? Normal.InvCDF(0, 1, (n - f - supporters) / (double)(n - f)) : 0;
    }

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values)
    {
        double mean = Moments.Mean(values);
        return (mean, Moments.Deviation(values, mean, ddof));
    }

    protected override double Factor(HonestPayloads honest, in AttackContext context)
        => z ?? LargestZ(honest.Joined.Count, honest.Joined.Count(row => row == HonestPayloads.Forged));
}

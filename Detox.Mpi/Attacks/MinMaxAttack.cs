namespace Detox.Mpi.Attacks;

/// <summary>All attackers send the honest mean less as many standard deviations as leave the vector no farther from any honest gradient than two of those are from each other.</summary>
/// <remarks>The largest such number solves one quadratic equation for each gradient. Source: Shejwalkar, Houmansadr 2021, "Manipulating the Byzantine: optimizing model
/// poisoning attacks and defenses for federated learning", of whose directions this is the inverse standard deviation.</remarks>
public sealed class MinMaxAttack : LineAttack
{
    public override string Name => "min-max";

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values)
    {
        double mean = Moments.Mean(values);
        return (mean, -Moments.Deviation(values, mean, ddof: 0));
    }

    protected override double Factor(HonestPayloads honest, in AttackContext context)
        => new HonestSpread(honest, Origin, Direction, context.GradientLength).LargestWithinEveryDistance();
}

namespace Detox.Mpi.Attacks;

/// <summary>"A little is enough" with the z that hurts the rule at hand most.</summary>
/// <remarks>Source: the line search of <see cref="LineSearch"/> on the attack of <see cref="AlieAttack"/>.</remarks>
public sealed class OptAlieAttack(int ddof) : OptimisedAttack
{
    public override string Name => $"opt-alie(ddof={ddof})";

    public override int HonestNeeded => ddof + 1;

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values)
    {
        double mean = Moments.Mean(values);
        return (mean, Moments.Deviation(values, mean, ddof));
    }
}

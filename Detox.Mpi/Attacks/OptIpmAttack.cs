namespace Detox.Mpi.Attacks;

/// <summary>Inner product manipulation by the factor that hurts the rule at hand most.</summary>
/// <remarks>Source: the line search of <see cref="LineSearch"/> on the attack of <see cref="IpmAttack"/>.</remarks>
public sealed class OptIpmAttack : OptimisedAttack
{
    public override string Name => "opt-ipm";

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values) => (0, -Moments.Mean(values));
}

namespace Detox.Mpi.Attacks;

/// <summary>Inner product manipulation: all attackers send -tau times the mean of the honest gradients, which turns the rule's result uphill where it
/// is not far enough off to be thrown out.</summary>
/// <remarks>Source: Xie, Koyejo, Gupta 2019, "Fall of Empires: Breaking Byzantine-tolerant SGD by inner product manipulation".</remarks>
public sealed class IpmAttack(float tau) : LineAttack
{
    public override string Name => $"ipm(tau={tau:R})";

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values) => (0, -Moments.Mean(values));

    protected override double Factor(HonestPayloads honest, in AttackContext context) => tau;
}

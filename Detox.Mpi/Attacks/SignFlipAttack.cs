namespace Detox.Mpi.Attacks;

/// <summary>All attackers send the negated mean of the honest gradients.</summary>
/// <remarks>Source: Allen-Zhu, Ebrahimianghazani, Li, Alistarh 2021, "Byzantine-resilient non-convex stochastic gradient descent".</remarks>
public sealed class SignFlipAttack : LineAttack
{
    public override string Name => "sign-flip";

    protected override (double Origin, double Direction) Line(ReadOnlySpan<double> values) => (0, -Moments.Mean(values));

    protected override double Factor(HonestPayloads honest, in AttackContext context) => 1;
}

namespace Detox.Mpi.Attacks;

/// <summary>Sends nothing but infinity.</summary>
public sealed class InfAttack : Attack
{
    public override string Name => "inf";

    public override void Replace(Span<float> payload, in AttackContext context) => payload.Fill(float.PositiveInfinity);
}

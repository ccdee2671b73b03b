namespace Detox.Mpi.Attacks;

/// <summary>Sends nothing but NaN.</summary>
public sealed class NanAttack : Attack
{
    public override string Name => "nan";

    public override void Replace(Span<float> payload, in AttackContext context) => payload.Fill(float.NaN);
}

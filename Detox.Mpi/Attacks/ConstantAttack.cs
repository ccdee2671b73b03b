namespace Detox.Mpi.Attacks;

/// <summary>Sends one value in every place.</summary>
public sealed class ConstantAttack(float value) : Attack
{
    public override string Name => $"constant(value={value:R})";

    public override void Replace(Span<float> payload, in AttackContext context) => payload.Fill(value);
}

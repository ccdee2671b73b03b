namespace Detox.Mpi.Attacks;

/// <summary>Knows the groups: it sits where it wins the most of them, and sends -scale * g for its gradient g there; where it would be outvoted it is honest, so that nobody is blamed for what fails.</summary>
public sealed class CaptureAttack(float scale) : Attack
{
    public override string Name => $"capture(scale={scale:R})";

    public override string? OwnPlacement => "worst";

    public override void Replace(Span<float> payload, in AttackContext context)
    {
        if (!context.HasMajority) return;
        foreach (ref float value in payload) value *= -scale;
    }
}

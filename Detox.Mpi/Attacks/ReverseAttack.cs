namespace Detox.Mpi.Attacks;

/// <summary>Sends -scale * g for the gradient g: uphill, and far.</summary>
public sealed class ReverseAttack(float scale) : Attack
{
    public override string Name => $"reverse(scale={scale:R})";

    public override void Replace(Span<float> payload, in AttackContext context)
    {
        foreach (ref float value in payload) value *= -scale;
    }
}

using Detox.Gpu;

namespace Detox.Mpi.Attacks;

/// <summary>Sends normal noise in place of its gradient. All attackers send the same, for else they would win no vote.</summary>
public sealed class GaussianAttack(float sigma) : Attack
{
    public override string Name => $"gaussian(sigma={sigma:R})";

    public override void Replace(Span<float> payload, in AttackContext context)
    {
        SeededRandom random = context.Shared;
        foreach (ref float value in payload) value = (float)(sigma * random.NextNormal());
    }
}

namespace Detox.Mpi.Attacks;

/// <summary>All attackers repeat one honest gradient, so that it weighs more than it should.</summary>
/// <remarks>Source: Karimireddy, He, Jaggi 2022, "Byzantine-robust learning on heterogeneous datasets via bucketing".</remarks>
/// <param name="row">Which of the distinct honest gradients, in ascending order of their groups.</param>
public sealed class MimicAttack(int row) : Attack
{
    public override string Name => $"mimic(row={row})";

    public override bool NeedsHonestGradients => true;

    public override int HonestNeeded => row + 1;

    public override void Collude(HonestPayloads honest, in AttackContext context, Span<float> payload) => honest[row].CopyTo(payload);
}

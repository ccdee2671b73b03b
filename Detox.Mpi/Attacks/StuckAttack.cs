namespace Detox.Mpi.Attacks;

/// <summary>Sends in every step the gradient that it computed in its first, as a device that hangs does. Where other ranks attack in every step, its first is its first as an attacker.</summary>
public sealed class StuckAttack : Attack
{
    private float[]? _first;

    public override string Name => "stuck";

    public override void Replace(Span<float> payload, in AttackContext context)
    {
        if (_first is null) _first = payload.ToArray();
        else _first.CopyTo(payload);
    }
}

namespace Detox.Mpi.Attacks;

/// <summary>Byzantine ranks behave.</summary>
public sealed class NoAttack : Attack
{
    public override string Name => "none";

    public override bool IsNone => true;
}

namespace Detox.Mpi.Attacks;

/// <summary>Byzantine ranks behave.</summary>
public sealed class NoAttack : Attack
{
    public const string OwnName = "none";

    public override string Name => OwnName;

    public override bool IsNone => true;
}

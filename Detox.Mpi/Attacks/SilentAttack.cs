namespace Detox.Mpi.Attacks;

/// <summary>Votes like an honest rank, so that it may win, and then sends an empty vector.</summary>
public sealed class SilentAttack : Attack
{
    public override string Name => "silent";

    public override Memory<float> Vector(Memory<float> payload) => Memory<float>.Empty;
}

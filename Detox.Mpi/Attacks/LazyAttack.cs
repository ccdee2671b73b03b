namespace Detox.Mpi.Attacks;

/// <summary>Saves work: sends the gradient of a share of its samples, the first ones, and of at least one.</summary>
public sealed class LazyAttack(float share) : SampleAttack
{
    public override string Name => $"lazy(share={share:R})";

    public override int Spoil(Span<int> labels, int classes) => Math.Max((int)Math.Round(share * labels.Length), 1);
}

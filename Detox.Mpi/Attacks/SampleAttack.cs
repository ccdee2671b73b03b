namespace Detox.Mpi.Attacks;

/// <summary>An attack on what a rank computes with: it sends the gradient of other samples than its part's.</summary>
public abstract class SampleAttack : Attack
{
    /// <summary>Changes the labels of a part.</summary>
    /// <param name="labels">In: the part's. Out: those to compute with.</param>
    /// <param name="classes">C: labels are 0 to C - 1.</param>
    /// <returns>How many of the part's samples to compute with, from the first on.</returns>
    public abstract int Spoil(Span<int> labels, int classes);

    private protected sealed override string? NoVector => "it computes with other samples, and has no vector to show";
}

using Detox.Gpu;

namespace Detox.Mpi.Attacks;

/// <summary>What an attacker knows in a step, beside gradients.</summary>
/// <param name="Seed">The run's.</param>
/// <param name="Step">From 0.</param>
/// <param name="Rank">The attacker's own.</param>
public readonly record struct AttackContext(ulong Seed, long Step, int Rank)
{
    private const ulong Key = 0xA77AC4;

    /// <summary>Whether attackers are the majority of this rank's group, so that what they agree on wins its vote.</summary>
    public bool HasMajority { get; init; }

    /// <summary>d: the rule sees so many first floats of a payload. Statistics and loss follow, whose median is taken.</summary>
    public int GradientLength { get; init; }

    /// <summary>The rule that joins the vectors; null where no attacker asks for it.</summary>
    public KnownRule? Rule { get; init; }

    /// <summary>Draws of this rank's and step's own.</summary>
    public SeededRandom Own => new(Seed, Key, (ulong)Step, (ulong)Rank);

    /// <summary>Draws of the step that all attackers make alike.</summary>
    public SeededRandom Shared => new(Seed, Key, (ulong)Step);
}

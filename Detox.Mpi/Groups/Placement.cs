using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>Which q ranks are Byzantine in a step. Every rank computes it alike; only an experiment has one.</summary>
public abstract class Placement
{
    /// <summary>What <see cref="Create"/> knows, in the order that help texts show.</summary>
    public static IReadOnlyList<string> Names { get; } = ["random", "fixed", "worst"];

    /// <summary>A placement by its name: random (new ranks every step), fixed (the same ranks), worst (the most captured groups).</summary>
    /// <exception cref="FormatException">There is no such placement.</exception>
    public static Placement Create(string name, GroupTable groups, int q, ulong seed)
    {
        GroupTable.CheckByzantine(groups.Ranks, q);
        return name switch
        {
            "random" => new RandomPlacement(groups.Ranks, q, seed),
            "fixed" => new FixedPlacement(groups.Ranks, q, seed),
            "worst" => new WorstPlacement(groups, q, seed),
            _ => throw new FormatException($"placement '{name}': expected {string.Join(", ", Names)}"),
        };
    }

    /// <summary>Marks the step's q Byzantine ranks and clears the others. Safe to call from several threads.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="isByzantine">p marks.</param>
    public abstract void Byzantine(long step, Span<bool> isByzantine);

    /// <summary>Marks q ranks, every set of q being equally likely.</summary>
    /// <remarks>Selection sampling, Knuth, The Art of Computer Programming, volume 2, 3.4.2, algorithm S: it needs no memory.</remarks>
    private protected static void Choose(SeededRandom random, int q, Span<bool> isByzantine)
    {
        for (int rank = 0; rank < isByzantine.Length; rank++)
        {
            isByzantine[rank] = random.NextInt(isByzantine.Length - rank) < q;
            if (isByzantine[rank]) q--;
        }
    }
}

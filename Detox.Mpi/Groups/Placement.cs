using Detox.Gpu;
using Detox.Gpu.Tables;

namespace Detox.Mpi.Groups;

/// <summary>Which q ranks are Byzantine in a step. Every rank computes it alike; only an experiment has one.</summary>
public abstract class Placement
{
    /// <summary>Every placement: made from its parameters, the groups, q and the seed. To add one is to add its file and a row.</summary>
    public static Table<Func<Call, GroupTable, int, ulong, Placement>> Known { get; } = new(
        "placement",
        [
            new("random", "new ranks in every step", (_, groups, q, seed) => new RandomPlacement(groups, q, seed)),
            new("fixed", "the same ranks in every step", (_, groups, q, seed) => new FixedPlacement(groups, q, seed)),
            new("worst", "where they win the most groups", (_, groups, q, seed) => new WorstPlacement(groups, q, seed)),
        ]);

    /// <summary>The canonical text, parameters as resolved.</summary>
    public abstract string Name { get; }

    /// <summary>Reads "random"; a FormatException says what exists.</summary>
    public static Placement Create(string text, GroupTable groups, int q, ulong seed)
    {
        GroupTable.CheckByzantine(groups.Ranks, q);
        (Func<Call, GroupTable, int, ulong, Placement> make, Call call) = Known.Find(text);
        return make(call, groups, q, seed);
    }

    /// <summary>Whether steps differ in who is Byzantine.</summary>
    public virtual bool Moves => false;

    /// <summary>Marks the step's q Byzantine ranks and clears the others. Safe to call from several threads.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="isByzantine">p marks.</param>
    public abstract void Byzantine(long step, Span<bool> isByzantine);

    /// <summary>The law of struck groups, where a group with b Byzantine ranks is struck with the probability chances[b], by itself. Where ranks are
    /// drawn it is the law over the draws: over steps, or over runs where they are drawn once.</summary>
    /// <param name="chances">r + 1 of them.</param>
    public abstract CountLaw Struck(ReadOnlySpan<double> chances);

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

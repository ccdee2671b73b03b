using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>q new ranks every step, uniformly from all p, as the method's analysis assumes.</summary>
internal sealed class RandomPlacement(GroupTable groups, int q, ulong seed) : Placement
{
    private const ulong Purpose = 0x72616E646F6D; // "random"

    public override string Name => "random";

    public override bool Moves => true;

    public override void Byzantine(long step, Span<bool> isByzantine)
    {
        if (isByzantine.Length != groups.Ranks) throw new ArgumentException($"expected {groups.Ranks} marks, found {isByzantine.Length}", nameof(isByzantine));
        Choose(new SeededRandom(seed, Purpose, (ulong)step), q, isByzantine);
    }

    public override CountLaw Struck(ReadOnlySpan<double> chances) => GroupLaw.Struck(groups.GroupCount, q, chances);
}

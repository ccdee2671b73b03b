using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>The same q ranks in every step, drawn once uniformly from all p.</summary>
internal sealed class FixedPlacement : Placement
{
    private const ulong Purpose = 0x6669786564; // "fixed"

    private readonly bool[] _isByzantine;
    private readonly int _groups;
    private readonly int _q;

    public FixedPlacement(GroupTable groups, int q, ulong seed)
    {
        (_groups, _q) = (groups.GroupCount, q);
        _isByzantine = new bool[groups.Ranks];
        Choose(new SeededRandom(seed, Purpose), q, _isByzantine);
    }

    public override string Name => "fixed";

    public override void Byzantine(long step, Span<bool> isByzantine)
    {
        if (isByzantine.Length != _isByzantine.Length)
            throw new ArgumentException($"expected {_isByzantine.Length} marks, found {isByzantine.Length}", nameof(isByzantine));
        _isByzantine.CopyTo(isByzantine);
    }

    public override CountLaw Struck(ReadOnlySpan<double> chances) => GroupLaw.Struck(_groups, _q, chances);
}

using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>The same q ranks in every step, drawn once uniformly from all p.</summary>
internal sealed class FixedPlacement : Placement
{
    private const ulong Purpose = 0x6669786564; // "fixed"

    private readonly bool[] _isByzantine;

    public FixedPlacement(int ranks, int q, ulong seed)
    {
        _isByzantine = new bool[ranks];
        Choose(new SeededRandom(seed, Purpose), q, _isByzantine);
    }

    public override string Name => "fixed";

    public override void Byzantine(long step, Span<bool> isByzantine)
    {
        if (isByzantine.Length != _isByzantine.Length)
            throw new ArgumentException($"expected {_isByzantine.Length} marks, found {isByzantine.Length}", nameof(isByzantine));
        _isByzantine.CopyTo(isByzantine);
    }
}

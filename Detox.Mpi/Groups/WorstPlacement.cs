using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>An adversary that chooses where to sit: a bare majority in as many groups as q ranks can win, in every step.</summary>
/// <remarks>It captures min(p/r, floor(q / ((r+1)/2))) groups. The ranks that are left, fewer than a majority, sit together in one
/// more group, which they do not win; where every group is captured they sit anywhere.</remarks>
internal sealed class WorstPlacement : Placement
{
    private const ulong Purpose = 0x776F727374; // "worst"

    private readonly bool[] _isByzantine;

    // How many groups have 0, 1, ..., r Byzantine ranks.
    private readonly int[] _groupsWith;

    public WorstPlacement(GroupTable groups, int q, ulong seed)
    {
        _isByzantine = new bool[groups.Ranks];
        var random = new SeededRandom(seed, Purpose);
        var order = new int[groups.GroupCount];
        for (int group = 0; group < order.Length; group++) order[group] = group;
        random.Shuffle<int>(order);

        // Majorities first, group after group, so that only the last group begun can be short of one; then the other members.
        var first = new List<int>();
        var then = new List<int>();
        var members = new int[groups.GroupSize];
        foreach (int group in order)
        {
            groups.Members(group).CopyTo(members);
            random.Shuffle<int>(members);
            first.AddRange(members.AsSpan(0, groups.Majority));
            then.AddRange(members.AsSpan(groups.Majority));
        }
        foreach (int rank in first.Concat(then).Take(q)) _isByzantine[rank] = true;

        _groupsWith = new int[groups.GroupSize + 1];
        for (int group = 0; group < groups.GroupCount; group++)
        {
            int byzantine = 0;
            foreach (int rank in groups.Members(group)) byzantine += _isByzantine[rank] ? 1 : 0;
            _groupsWith[byzantine]++;
        }
    }

    public override string Name => "worst";

    public override void Byzantine(long step, Span<bool> isByzantine)
    {
        if (isByzantine.Length != _isByzantine.Length)
            throw new ArgumentException($"expected {_isByzantine.Length} marks, found {isByzantine.Length}", nameof(isByzantine));
        _isByzantine.CopyTo(isByzantine);
    }

    public override CountLaw Struck(ReadOnlySpan<double> chances)
    {
        CountLaw all = CountLaw.Certain(0);
        for (int b = 0; b < _groupsWith.Length; b++)
            if (_groupsWith[b] > 0) all = all.Plus(GroupLaw.Binomial(_groupsWith[b], chances[b]));
        return all;
    }
}

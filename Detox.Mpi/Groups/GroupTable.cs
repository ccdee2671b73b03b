using Detox.Gpu;

namespace Detox.Mpi.Groups;

/// <summary>Which r ranks compute the same gradient: a seeded assignment of p ranks into p/r groups.</summary>
public sealed class GroupTable
{
    private const ulong Purpose = 0x67726F757073; // "groups"

    private readonly int[] _groupOf;
    private readonly int[] _members;

    private GroupTable(int[] groupOf, int[] members, int groupSize)
    {
        (_groupOf, _members, GroupSize) = (groupOf, members, groupSize);
    }

    /// <summary>r, odd.</summary>
    public int GroupSize { get; }

    /// <summary>p.</summary>
    public int Ranks => _groupOf.Length;

    /// <summary>p/r.</summary>
    public int GroupCount => Ranks / GroupSize;

    /// <summary>(r+1)/2: this many ranks with one ballot win their group's vote.</summary>
    public int Majority => (GroupSize + 1) / 2;

    /// <summary>Uniformly random groups: ranks that lie on one node are seldom in one group.</summary>
    public static GroupTable Create(int ranks, int groupSize, ulong seed)
    {
        CheckForm(ranks, groupSize);
        var members = new int[ranks];
        for (int rank = 0; rank < ranks; rank++) members[rank] = rank;
        new SeededRandom(seed, Purpose).Shuffle<int>(members);

        var groupOf = new int[ranks];
        for (int group = 0; group < ranks / groupSize; group++)
        {
            Span<int> part = members.AsSpan(group * groupSize, groupSize);
            part.Sort();
            foreach (int rank in part) groupOf[rank] = group;
        }
        return new(groupOf, members, groupSize);
    }

    public int GroupOf(int rank) => _groupOf[rank];

    /// <summary>The group's ranks, ascending.</summary>
    public ReadOnlySpan<int> Members(int group) => _members.AsSpan(group * GroupSize, GroupSize);

    /// <summary>Whether the marked ranks are enough to win the group's vote.</summary>
    public bool HasMajority(int group, ReadOnlySpan<bool> marks)
    {
        int marked = 0;
        foreach (int rank in Members(group))
            if (marks[rank]) marked++;
        return marked >= Majority;
    }

    internal static void CheckForm(int ranks, int groupSize)
    {
        if (groupSize < 1 || groupSize % 2 == 0)
            throw new DetoxException(ExitCode.Usage, $"--group-size {groupSize}: expected an odd number, so that a vote has a majority; try {Math.Max(groupSize + 1, 1)}.");
        if (ranks < 1 || ranks % groupSize != 0)
        {
            int down = ranks - (ranks % groupSize);
            throw new DetoxException(ExitCode.Usage, $"--ranks {ranks}: expected a multiple of the group size {groupSize}; try "
                + (down > 0 ? $"{down} or {down + groupSize}." : $"{groupSize}."));
        }
    }

    internal static void CheckByzantine(int ranks, int q)
    {
        if (q < 0 || q > ranks)
            throw new DetoxException(ExitCode.Usage, $"--byzantine {q}: expected 0 to {ranks}, as many as there are ranks.");
    }
}

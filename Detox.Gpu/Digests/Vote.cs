namespace Detox.Gpu.Digests;

/// <summary>The majority vote of a group.</summary>
public static class Vote
{
    /// <summary>The lowest rank of the group whose ballot more than half of the group hold; -1 where the group is void.</summary>
    /// <remarks>Invalid ballots count as members of the group, but never win.
    /// Source: Boyer, Moore 1981, "MJRTY: a fast majority vote algorithm".</remarks>
    public static int Majority(ReadOnlySpan<Ballot> group)
    {
        // Only a majority outlasts pairing each ballot with one that differs from it.
        Ballot candidate = default;
        int lead = 0;
        foreach (Ballot ballot in group)
        {
            if (lead == 0) candidate = ballot;
            lead += ballot == candidate ? 1 : -1;
        }

        if (candidate.IsInvalid) return -1;
        int votes = 0;
        foreach (Ballot ballot in group)
            if (ballot == candidate)
                votes++;
        return 2 * votes > group.Length ? group.IndexOf(candidate) : -1;
    }
}

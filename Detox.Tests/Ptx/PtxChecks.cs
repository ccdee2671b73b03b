namespace Detox.Tests.Ptx;

/// <summary>What the machine makes of a branch that is said to be uniform.</summary>
internal enum UniformBranches
{
    /// <summary>The word is ignored: the branch may diverge like any other.</summary>
    Believed,

    /// <summary>The active threads of a warp must agree; a part of a warp that has diverged may come to one. That is what PTX says.</summary>
    Agreed,

    /// <summary>Moreover no part of a warp that has diverged may come to a conditional one.</summary>
    OfWholeWarps,
}

/// <summary>What the machine may be told to look for, or not.</summary>
internal sealed record PtxChecks
{
    public UniformBranches UniformBranches { get; init; } = UniformBranches.Agreed;

    /// <summary>Two threads of a launch that write the same word of global memory, or one that reads what another wrote. Groups then run one after
    /// another, since what two groups do to a word is seen only where one comes after the other.</summary>
    public bool GlobalRaces { get; init; } = true;

    /// <summary>How many groups run at a time where races on global memory are not looked for.</summary>
    public int GroupsAtATime { get; init; } = Environment.ProcessorCount;

    /// <summary>For a kernel that does not end: a count over all groups that a warp's registers run one after another.</summary>
    public long MostInstructionsOfAWarp { get; init; } = 1L << 40;
}

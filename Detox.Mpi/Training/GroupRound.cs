using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>One group in one step, at rank 0: voting, then fetching from a holder of the majority ballot, then verified or void.</summary>
internal sealed class GroupRound(int group, int leafBytes)
{
    public int Group { get; } = group;

    public Ballot Majority { get; set; }

    public GroupState State { get; set; }

    /// <summary>The verified vector.</summary>
    public VectorSlot? Winner { get; set; }

    /// <summary>The leaf digests of the verified vector.</summary>
    public byte[] Leaves { get; } = new byte[leafBytes];

    /// <summary>Vectors that have arrived and are not verified yet.</summary>
    public List<(int Rank, VectorSlot Slot)> Candidates { get; } = [];

    /// <summary>Ranks whose vector was not what they voted for, or that did not send one in time.</summary>
    public List<int> Tried { get; } = [];

    /// <summary>The rank whose vector is awaited; negative where none is.</summary>
    public int Source { get; set; } = -1;

    /// <summary>Since when, by the stopwatch.</summary>
    public long SourceSince { get; set; }

    /// <summary>Whether its ranks were asked to compute once more.</summary>
    public bool IsRepeated { get; set; }

    /// <summary>Whether it is void because of ranks that did not answer, not because of what they said.</summary>
    public bool IsVoidByTime { get; set; }

    public bool IsDecided => State is GroupState.Verified or GroupState.Void;

    public void Clear()
    {
        State = GroupState.Voting;
        Winner = null;
        Candidates.Clear();
        Tried.Clear();
        Source = -1;
        IsRepeated = false;
        IsVoidByTime = false;
    }
}

internal enum GroupState
{
    /// <summary>No ballot has a majority yet.</summary>
    Voting,

    /// <summary>There is a majority, and its vector is not here.</summary>
    Fetching,

    /// <summary>The vector is here, and hashes to the majority's ballot.</summary>
    Verified,

    /// <summary>There is no majority, or nobody who sends its vector.</summary>
    Void,
}

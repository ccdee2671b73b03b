namespace Detox.Mpi.Messaging;

/// <summary>Where a communicator's messages go: an MPI communicator, and the range of its tags that is this one's own.</summary>
/// <param name="Handle">MPI's communicator.</param>
/// <param name="FirstTag">What is added to a tag; 0 in MPI_COMM_WORLD for the communicator of all ranks alone.</param>
/// <param name="Ranks">For each rank its number in MPI's communicator.</param>
internal sealed record MpiScope(nint Handle, int FirstTag, int[] Ranks)
{
    public const int TagsInRange = Communicator.LargestTag + 2;

    public int RankOf(int rank) => Ranks[rank];

    /// <summary>The rank here of a rank of MPI's communicator; -1 where it is none.</summary>
    public int NumberOf(int rank) => Array.IndexOf(Ranks, rank);
}

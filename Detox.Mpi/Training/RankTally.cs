using System.Runtime.InteropServices;

namespace Detox.Mpi.Training;

/// <summary>What a rank took, and did with its time, as it tells with its last word. It is sent as it lies in memory.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct RankTally
{
    /// <summary>The most memory that its process had resident; in one process, that of all ranks.</summary>
    public long PeakBytes;

    /// <summary>In buffers of a GPU; 0 on the CPU.</summary>
    public long DeviceBytes;

    /// <summary>Of ballots, vectors and answers.</summary>
    public long SentBytes;

    /// <summary>Of weights.</summary>
    public long TakenBytes;

    /// <summary>Seconds in which it waited for rank 0's word.</summary>
    public double WaitSeconds;

    /// <summary>Seconds until it had the weights.</summary>
    public double WeightsSeconds;

    /// <summary>Seconds until a core was free for it.</summary>
    public double TurnSeconds;

    /// <summary>Seconds for gradients.</summary>
    public double ComputeSeconds;

    /// <summary>Seconds for ballots, and to start what it sends.</summary>
    public double VoteSeconds;

    /// <summary>Whether a rank may have meant it: what it tells is its own word.</summary>
    public readonly bool IsPlausible
        => PeakBytes >= 0 && DeviceBytes >= 0 && SentBytes >= 0 && TakenBytes >= 0
        && double.IsFinite(WaitSeconds + WeightsSeconds + TurnSeconds + ComputeSeconds + VoteSeconds)
        && Math.Min(Math.Min(WaitSeconds, WeightsSeconds), Math.Min(TurnSeconds, Math.Min(ComputeSeconds, VoteSeconds))) >= 0;
}

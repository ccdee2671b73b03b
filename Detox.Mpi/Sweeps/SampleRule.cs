namespace Detox.Mpi.Sweeps;

/// <summary>What methods of different group sizes have in common in a sweep.</summary>
public enum SampleRule
{
    /// <summary>Equal work: each rank computes <c>batch</c> samples a step, so a method with groups of r sees 1/r of the samples.</summary>
    PerRank,

    /// <summary>Equal samples: a step sees <c>ranks x batch</c> samples, so a rank in a group of r computes r x <c>batch</c>.</summary>
    PerStep,
}

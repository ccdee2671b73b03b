namespace Detox.Gpu.Digests;

/// <summary>The hash of a ballot's tree.</summary>
public enum BallotKind
{
    /// <summary>Against malice: nobody can find a second vector with the same ballot. It is a tree itself, and made for vectors of many lanes.</summary>
    Blake3,

    /// <summary>Against malice too: the older standard.</summary>
    Sha256,

    /// <summary>Against faults only: fast, but an attacker can make two vectors with one ballot.</summary>
    Xxh128,
}

using Detox.Gpu;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Attacks;

/// <summary>Shows its group one ballot and rank 0 another.</summary>
public sealed class EquivocateAttack : Attack
{
    public override string Name => "equivocate";

    public override Ballot BallotForServer(Ballot ballot, SeededRandom random)
    {
        Span<byte> digest = stackalloc byte[Ballot.Bytes];
        ballot.CopyTo(digest);
        digest[0] ^= (byte)(1 + random.NextInt(255));
        return Ballot.Of(digest);
    }
}

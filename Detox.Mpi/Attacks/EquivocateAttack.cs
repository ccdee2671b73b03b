using Detox.Gpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Shows its group one ballot and rank 0 another.</summary>
public sealed class EquivocateAttack : ProtocolAttack
{
    public override string Name => "equivocate";

    internal static Ballot Another(Ballot ballot, SeededRandom random)
    {
        Span<byte> digest = stackalloc byte[Ballot.Bytes];
        ballot.CopyTo(digest);
        digest[0] ^= (byte)(1 + random.NextInt(255));
        return Ballot.Of(digest);
    }

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind != MessageKind.Ballot) return message.Pass();
        head.Ballot = Another(head.Ballot, random);
        return message.Replace(WithHead(message, head));
    }
}

using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Votes like an honest rank, so that it may win, and then sends an empty vector.</summary>
public sealed class SilentAttack : ProtocolAttack
{
    public override string Name => "silent";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind != MessageKind.Vector) return message.Pass();
        head.Length = 0;
        return message.Replace(WithHead(message, head)[..Head.Bytes]);
    }
}

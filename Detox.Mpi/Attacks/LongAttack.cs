using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Sends every message twice as long as it should be.</summary>
public sealed class LongAttack : ProtocolAttack
{
    public override string Name => "long";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
        => message.Replace([.. message.Bytes.Span, .. message.Bytes.Span]);
}

using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Sends half of every message.</summary>
public sealed class ShortAttack : ProtocolAttack
{
    public override string Name => "short";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
        => message.Replace(message.Bytes[..(message.Bytes.Length / 2)].ToArray());
}

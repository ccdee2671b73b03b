using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Sends random bytes for every message, its head included.</summary>
public sealed class GarbageAttack : ProtocolAttack
{
    public override string Name => "garbage";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        byte[] bytes = new byte[message.Bytes.Length];
        for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)random.NextBits();
        return message.Replace(bytes);
    }
}

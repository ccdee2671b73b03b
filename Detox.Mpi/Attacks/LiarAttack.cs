using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Has the right vector and votes for another; asked where the two differ, it shows leaves of neither.</summary>
public sealed class LiarAttack : ProtocolAttack
{
    public override string Name => "liar";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind == MessageKind.Ballot)
        {
            head.Ballot = EquivocateAttack.Another(head.Ballot, random);
            return message.Replace(WithHead(message, head));
        }

        if (head.Kind is not (MessageKind.Leaves or MessageKind.Leaf)) return message.Pass();
        byte[] bytes = message.Bytes.ToArray();
        for (int i = Head.Bytes; i < bytes.Length; i++) bytes[i] = (byte)random.NextBits();
        return message.Replace(bytes);
    }
}

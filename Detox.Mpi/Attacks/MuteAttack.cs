using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Votes like an honest rank and says that its vector follows; then it sends none, and answers nothing.</summary>
public sealed class MuteAttack : ProtocolAttack
{
    public override string Name => "mute";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind is MessageKind.Vector or MessageKind.Leaves or MessageKind.Leaf) return message.Swallow();
        if (head.Kind != MessageKind.Ballot) return message.Pass();
        head.Flags |= HeadFlags.VectorFollows;
        return message.Replace(WithHead(message, head));
    }
}

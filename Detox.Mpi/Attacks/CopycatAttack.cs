using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Votes for what its group has shown, as one would that computes nothing.</summary>
public sealed class CopycatAttack : ProtocolAttack
{
    private Ballot _shown;

    public override string Name => "copycat";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind is MessageKind.Vector) return message.Swallow();
        if (head.Kind is not (MessageKind.Ballot or MessageKind.Shown)) return message.Pass();
        head.Ballot = _shown;
        head.Flags &= ~HeadFlags.VectorFollows;
        return message.Replace(WithHead(message, head));
    }

    internal override void Received(int source, int tag, ReadOnlySpan<byte> bytes)
    {
        if (tag == Tag.Group && bytes.Length == Head.Bytes) _shown = MemoryMarshal.Read<Head>(bytes).Ballot;
    }
}

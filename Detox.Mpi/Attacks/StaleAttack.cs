using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Sends the last step's messages again in place of this one's.</summary>
public sealed class StaleAttack : ProtocolAttack
{
    private readonly Dictionary<(int Destination, MessageKind Kind), (long Step, byte[] Bytes)> _last = [];

    public override string Name => "stale";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        bool hasOlder = _last.TryGetValue((message.Destination, head.Kind), out (long Step, byte[] Bytes) older) && older.Step < head.Step;
        Saw(message, head);
        return hasOlder ? message.Replace(older.Bytes) : message.Pass();
    }

    internal override void Saw(Outgoing message, Head head) => _last[(message.Destination, head.Kind)] = (head.Step, message.Bytes.ToArray());
}

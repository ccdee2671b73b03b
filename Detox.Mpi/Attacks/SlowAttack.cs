using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Sends its ballot after a pause.</summary>
public sealed class SlowAttack(float seconds) : ProtocolAttack
{
    public override string Name => $"slow(seconds={seconds:R})";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind == MessageKind.Ballot) Thread.Sleep(TimeSpan.FromSeconds(seconds));
        return message.Pass();
    }
}

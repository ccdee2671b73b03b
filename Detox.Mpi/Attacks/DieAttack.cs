using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Ends its process at once, in the second step of a run. What is no process of its own, is rank 0's, or attacks in some steps only, is silent instead.</summary>
public sealed class DieAttack : ProtocolAttack
{
    public override string Name => "die";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Step == 0) return message.Pass();
        if (!message.IsOwnProcess || Moves) return message.Swallow();
        LibC.EndThisProcess();
        throw new InvalidOperationException("this process has ended");
    }
}

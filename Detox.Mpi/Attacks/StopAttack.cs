using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Is heard in the first step of a run and never speaks again; where other ranks attack in every step, it is silent in its own.</summary>
public sealed class StopAttack : ProtocolAttack
{
    public override string Name => "stop";

    internal override Request Send(Outgoing message, Head head, SeededRandom random) => head.Step == 0 ? message.Pass() : message.Swallow();
}

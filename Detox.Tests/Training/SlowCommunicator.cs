using Detox.Mpi;
using Detox.Mpi.Messaging;

namespace Detox.Tests.Training;

/// <summary>A communicator to which messages may still be coming when it has begun to receive them.</summary>
/// <param name="isHere">Asked at each look at a message that is being received: whether all of it has come.</param>
internal sealed class SlowCommunicator(Communicator inner, Func<ComingMessage, bool> isHere) : ForwardingCommunicator(inner)
{
    /// <summary>The messages that have come: from whom, and how many values it had room for.</summary>
    public HashSet<(int Source, int Values)> Heard { get; } = [];

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
        => new ComingRequest(Inner.ImmediateReceive(values, source, tag), new ComingMessage(this, source, tag, values.Length), isHere);

    private sealed class ComingRequest(Request inner, ComingMessage message, Func<ComingMessage, bool> isHere) : Request
    {
        private bool _isHere;

        public override bool IsTooLong => inner.IsTooLong;

        public override int Values => inner.Values;

        private protected override Doorbell Bell => BellOf(inner);

        public override bool Test()
        {
            message.Looks++;
            if (!_isHere && (!inner.Test() || !isHere(message))) return false;
            _isHere = true;
            message.To.Heard.Add((message.Source, message.Values));
            return true;
        }

        private protected override DetoxException TooLong() => TooLongOf(inner);
    }
}

/// <summary>A message that is being received.</summary>
/// <param name="Values">As many as it has room for.</param>
internal sealed record ComingMessage(SlowCommunicator To, int Source, int Tag, int Values)
{
    /// <summary>How often it was looked at.</summary>
    public int Looks { get; set; }
}

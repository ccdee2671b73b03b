using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Behind each ballot it sends ten more, and ten vectors that nobody has asked for.</summary>
public sealed class FloodAttack : ProtocolAttack
{
    private const int Times = 10;

    public override string Name => "flood";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        Request request = message.Pass();
        if (head.Kind != MessageKind.Ballot) return request;

        // A new one in each step: the last step's may still be on their way.
        byte[] vector = new byte[Head.Bytes + (PayloadLength * sizeof(float))];
        MemoryMarshal.Write(vector, new Head { Step = head.Step, Kind = MessageKind.Vector, Length = PayloadLength * sizeof(float) });
        for (int i = 0; i < Times; i++)
        {
            message.Also(message.Bytes.ToArray());
            message.Also(vector);
        }

        return request;
    }
}

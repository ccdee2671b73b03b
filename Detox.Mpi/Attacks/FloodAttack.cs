using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Behind each ballot it sends ten more, and ten vectors that nobody has asked for.</summary>
public sealed class FloodAttack : ProtocolAttack
{
    private const int Times = 10;
    private byte[] _vector = [];

    public override string Name => "flood";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (_vector.Length == 0) _vector = new byte[Head.Bytes + (PayloadLength * sizeof(float))];
        Request request = message.Pass();
        if (head.Kind != MessageKind.Ballot) return request;
        Head vector = new() { Step = head.Step, Kind = MessageKind.Vector, Length = _vector.Length - Head.Bytes };
        MemoryMarshal.Write(_vector, in vector);
        for (int i = 0; i < Times; i++)
        {
            message.Also(message.Bytes.ToArray());
            message.Also(_vector);
        }

        return request;
    }
}

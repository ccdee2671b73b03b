using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>Passes on the negated weights, on its board and to other nodes. A rank that passes on none does nothing wrong.</summary>
public sealed class RelayAttack : ProtocolAttack
{
    private long _forged = -1;

    public override string Name => "relay";

    internal override Request Send(Outgoing message, Head head, SeededRandom random)
    {
        if (head.Kind != MessageKind.Weights) return message.Pass();
        if (message.Bytes.Length > Head.Bytes)
        {
            byte[] forged = message.Bytes.ToArray();
            Negate(forged.AsSpan(Head.Bytes));
            return message.Replace(forged);
        }

        // The word that the weights are on the board: before the first one leaves, they are others.
        if (_forged != head.Step) Negate(message.Boards[(int)(head.Step & 1)].Own.Span[Head.Bytes..]);
        _forged = head.Step;
        return message.Pass();
    }

    private static void Negate(Span<byte> weights)
    {
        foreach (ref float weight in MemoryMarshal.Cast<byte, float>(weights)) weight = -weight;
    }
}

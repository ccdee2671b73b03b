using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;

namespace Detox.Mpi.Attacks;

/// <summary>An attack on how the ranks speak with each other: the rank computes as it should, and what it sends is tampered with.</summary>
public abstract class ProtocolAttack : Attack
{
    /// <summary>Sends what this attack makes of a message of a Byzantine rank's.</summary>
    /// <param name="head">The message's first bytes.</param>
    internal abstract Request Send(Outgoing message, Head head, SeededRandom random);

    /// <summary>A message that leaves as it is, for its rank is not Byzantine in its step.</summary>
    internal virtual void Saw(Outgoing message, Head head)
    {
    }

    /// <summary>A message that this rank has received.</summary>
    internal virtual void Received(int source, int tag, ReadOnlySpan<byte> bytes)
    {
    }

    /// <summary>The communicator of a rank's worker under this attack.</summary>
    /// <param name="payloadLength">Floats of a vector.</param>
    internal Communicator Decorate(Communicator world, Placement placement, ulong seed, int payloadLength)
    {
        Moves = placement.Moves;
        PayloadLength = payloadLength;
        return new ByzantineCommunicator(world, new Tamperer(this, world, placement, seed));
    }

    private protected sealed override string? NoVector => "it changes messages, and has no vector to show";

    /// <summary>Whether other ranks attack in every step.</summary>
    private protected bool Moves { get; private set; }

    private protected int PayloadLength { get; private set; }

    /// <summary>The message with another head.</summary>
    private protected static byte[] WithHead(Outgoing message, Head head)
    {
        byte[] bytes = message.Bytes.ToArray();
        MemoryMarshal.Write(bytes, in head);
        return bytes;
    }

    private sealed class Tamperer(ProtocolAttack attack, Communicator world, Placement placement, ulong seed) : ITamperer
    {
        private const ulong Key = 0xA77AC5;
        private readonly bool[] _isByzantine = new bool[world.Size];
        private long _step = -1;
        private ulong _messages;

        public Request Send(Outgoing message)
        {
            Head head = MemoryMarshal.Read<Head>(message.Bytes.Span);
            if (head.Step != _step)
            {
                placement.Byzantine(head.Step, _isByzantine);
                (_step, _messages) = (head.Step, 0);
            }

            if (_isByzantine[world.Rank]) return attack.Send(message, head, new SeededRandom(seed, Key, (ulong)_step, (ulong)world.Rank, _messages++));
            attack.Saw(message, head);
            return message.Pass();
        }

        public void Received(int source, int tag, ReadOnlySpan<byte> bytes) => attack.Received(source, tag, bytes);
    }
}

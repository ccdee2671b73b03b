using System.Runtime.InteropServices;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>The weights of two steps on their way, on boards that the node gives or does not give.</summary>
public sealed class WeightsSlotTests
{
    private const int Floats = 10;

    private static readonly byte[] _weights = [.. Enumerable.Range(0, Floats * sizeof(float)).Select(i => (byte)(i + 1))];

    [Test]
    public void AStepsWeightsStayWhileTheNextOnesAreWritten() => With(boards: 2, (slots, _) =>
    {
        byte[] next = [.. _weights.Reverse()];
        slots.Write(6, _weights);
        slots.Write(7, next);
        Assert.That((slots.IsWritten(0, 6), slots.IsWritten(0, 7), slots.IsWritten(0, 8)), Is.EqualTo((true, true, false)));
        Assert.That(slots.Of(0, 6).ToArray(), Is.EqualTo(_weights));
        Assert.That(slots.Of(0, 7).ToArray(), Is.EqualTo(next));
        slots.Write(8, next);
        Assert.That((slots.IsWritten(0, 6), slots.IsWritten(0, 8)), Is.EqualTo((false, true)));
    });

    /// <summary>Without a node's memory they can be sent all the same, but not read.</summary>
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    public void TheMessageIsThereWithoutBoardsToo(int boards) => With(boards, (slots, _) =>
    {
        Assert.That(slots.CanRead(0), Is.EqualTo(boards == 2));
        for (long step = 6; step <= 7; step++)
        {
            slots.Write(step, _weights);
            Span<byte> message = slots.Message(step).Span;
            Head head = MemoryMarshal.Read<Head>(message);
            Assert.That((head.Step, head.Kind, head.Length), Is.EqualTo((step, MessageKind.Weights, _weights.Length)));
            Assert.That(message[Head.Bytes..].ToArray(), Is.EqualTo(_weights));
        }
    });

    [Test]
    public void WhoHandsOnNothingHasNoMemoryForIt() => With(
        boards: 0, (slots, _) => Assert.That(slots.Message(6).IsEmpty && slots.Message(7).IsEmpty, Is.True), writes: false);

    [Test]
    public void TheBoardsAreGivenBack()
    {
        FewBoards? world = null;
        With(boards: 2, (_, own) => world = own);
        Assert.That(world!.Disposed, Is.EqualTo(2));
    }

    private static void With(int boards, Action<WeightsSlots, FewBoards> body, bool writes = true) => InProcessWorld.Run(1, inner =>
    {
        FewBoards world = new(inner, boards);
        using WeightsSlots slots = new(world, Floats, writes);
        body(slots, world);
    });

    /// <summary>A communicator whose first boards are memory, and the others none.</summary>
    private sealed class FewBoards(Communicator inner, int boards) : ForwardingCommunicator(inner)
    {
        private int _opened;

        public int Disposed { get; private set; }

        public override Boards OpenBoards(long bytes, bool writes) => new Board(this, _opened++ < boards && writes ? new byte[bytes] : []);

        private sealed class Board(FewBoards world, byte[] memory) : Boards
        {
            public override Memory<byte> Own => memory;

            public override ReadOnlySpan<byte> Of(int other) => memory;

            public override void Dispose() => world.Disposed++;
        }
    }
}

using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>Short messages to a rank that may not listen.</summary>
public sealed class OutboxTests
{
    [Test]
    public void AsManyAreOnTheirWayAsThereIsRoomFor() => InProcessWorld.Run(2, world =>
    {
        const int room = 3;
        Outbox<int> outbox = new(world, 1, tag: 5, room);
        int[] taken = new int[1];
        if (world.Rank == 0)
        {
            Assert.That(outbox.IsTaken, Is.True, "nothing was sent");
            for (int i = 0; i < room; i++) Assert.That(outbox.TrySend(10 + i), Is.True);
            Assert.That((outbox.TrySend(99), outbox.IsTaken), Is.EqualTo((false, false)));
        }

        world.Barrier();
        if (world.Rank == 1)
        {
            world.Receive(taken.AsSpan(), 0, 5);
            Assert.That(taken[0], Is.EqualTo(10));
        }

        world.Barrier();
        if (world.Rank == 0) Assert.That((outbox.TrySend(13), outbox.TrySend(99), outbox.IsTaken), Is.EqualTo((true, false, false)));
        world.Barrier();
        for (int i = 1; i <= room && world.Rank == 1; i++)
        {
            world.Receive(taken.AsSpan(), 0, 5);
            Assert.That(taken[0], Is.EqualTo(10 + i), "what was sent stays as it was");
        }

        world.Barrier();
        if (world.Rank == 0) Assert.That(outbox.IsTaken, Is.True);
        else Assert.That(world.Probe(0, 5, out _, out _), Is.False, "nothing else was sent");
    });

    [Test]
    public void ASendWaitsForRoom() => InProcessWorld.Run(2, world =>
    {
        const int messages = 50;
        if (world.Rank == 0)
        {
            Outbox<int> outbox = new(world, 1, tag: 5, room: 2);
            for (int i = 0; i < messages; i++) outbox.Send(i);
            return;
        }

        int[] taken = new int[1];
        for (int i = 0; i < messages; i++)
        {
            world.Receive(taken.AsSpan(), 0, 5);
            Assert.That(taken[0], Is.EqualTo(i));
        }
    });
}

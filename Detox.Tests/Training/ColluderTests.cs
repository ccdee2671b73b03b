using System.Diagnostics;
using Detox.Mpi.Attacks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;
using Detox.Mpi.Training;
using NUnit.Framework;

namespace Detox.Tests.Training;

/// <summary>How attackers come to know the honest payloads.</summary>
public sealed class ColluderTests
{
    /// <summary>Rank 0 makes the forged payload, and an honest rank waits for rank 0 to take its last vector before it tells its own payload: neither waits in vain.</summary>
    [Test]
    public void RankZeroTakesWhatAnHonestRankWaitsForWhileItWaitsForThatRank()
    {
        const int floats = 8;
        TimeSpan patience = TimeSpan.FromSeconds(20);
        Stopwatch clock = Stopwatch.StartNew();
        float[] forged = [];
        InProcessWorld.Run(3, world =>
        {
            float[] message = GC.AllocateArray<float>(Head.Floats + floats, pinned: true);
            message.AsSpan(Head.Floats).Fill(world.Rank);
            void Attend()
            {
                if (world.Probe(1, Tag.ToServer, out _, out _)) world.Receive<byte>(new byte[1], 1, Tag.ToServer);
            }

            Colluders colluders = new(world, GroupTable.Create(3, 1, 1), Attack.Parse("sign-flip"), patience, world.Rank == 0 ? Attend : null);
            if (world.Rank == 1) world.Send<byte>([1], 0, Tag.ToServer);
            AttackContext context = new(1, 0, world.Rank) { GradientLength = floats };
            colluders.Conspire(context, [true, false, false], message);
            if (world.Rank == 0) forged = message[Head.Floats..];
        });
        Assert.That(clock.Elapsed, Is.LessThan(patience / 2));
        Assert.That(forged, Is.All.EqualTo(-1.5f));
    }
}

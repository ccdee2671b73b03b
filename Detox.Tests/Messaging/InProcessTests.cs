using System.Diagnostics;
using Detox.Mpi;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

[TestFixture]
public sealed class InProcessTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(5)]
    [TestCase(8)]
    public void ContractHolds(int ranks) => InProcessWorld.Run(ranks, world => CommunicatorContract.CheckAll(world, 100_000));

    [Test]
    public void FortyFiveRanks() => InProcessWorld.Run(45, world => CommunicatorContract.CheckAll(world, 1000));

    [Test]
    [CancelAfter(20_000)]
    public void TheFirstFailureWakesRanksInEveryKindOfWait()
    {
        int cancelled = 0;
        InvalidTimeZoneException failure = Assert.Throws<InvalidTimeZoneException>(() => InProcessWorld.Run(6, world =>
        {
            using Communicator pair = world.Split(world.Rank / 2, 0);
            try
            {
                switch (world.Rank)
                {
                    case 0:
                        Thread.Sleep(50);
                        throw new InvalidTimeZoneException("the first");
                    case 1:
                        pair.Barrier();
                        break;
                    case 2:
                        world.Receive(new int[1].AsSpan(), 0, 1);
                        break;
                    case 3:
                        world.Send(new int[1].AsSpan(), 0, 1);
                        break;
                    case 4:
                        Request.WaitAny([null, world.ImmediateReceive<int>(new int[1], 0, 2)]);
                        break;
                    default:
                        world.Broadcast(new int[1].AsSpan(), 0);
                        break;
                }
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref cancelled);
                throw;
            }
        }))!;
        Assert.That(failure.Message, Is.EqualTo("the first"));
        Assert.That(cancelled, Is.EqualTo(5));
    }

    [Test]
    public void AbortEndsAllRanksWithItsCode()
    {
        StringWriter errors = new();
        int code = World.Run(NotLaunched, 4, world =>
        {
            if (world.Rank == 2) world.Abort(85);
            world.Barrier();
            return 0;
        }, errors);
        Assert.That(code, Is.EqualTo(85));
        Assert.That(errors.ToString(), Is.Empty);
    }

    [Test]
    public void AnErrorIsSaidOnceAndGivesTheCode()
    {
        StringWriter errors = new();
        int code = World.Run(NotLaunched, 4, _ => throw new DetoxException(ExitCode.Usage, "no such thing"), errors);
        Assert.That(code, Is.EqualTo((int)ExitCode.Usage));
        Assert.That(errors.ToString().Trim(), Is.EqualTo("no such thing"));
    }

    [Test]
    public void RankZerosCodeIsReturned()
        => Assert.That(World.Run(NotLaunched, 3, world => world.Rank + 7, TextWriter.Null), Is.EqualTo(7));

    [Test]
    public void RanksInDifferentOperationsAreTold()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => InProcessWorld.Run(2, world =>
        {
            if (world.Rank == 0) world.Broadcast(new int[3].AsSpan(), 0);
            else world.Broadcast(new int[4].AsSpan(), 0);
        }))!;
        Assert.That(error.Message, Does.Contain("16 bytes").And.Contain("12 bytes"));
    }

    [Test]
    public void WaitingRanksUseNoProcessor()
    {
        using Process self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        InProcessWorld.Run(16, world =>
        {
            if (world.Rank == 0) Thread.Sleep(1000);
            world.Barrier();
        });
        self.Refresh();
        Assert.That((self.TotalProcessorTime - before).TotalMilliseconds, Is.LessThan(500));
    }

    private static Launcher NotLaunched => Launcher.Detect(new Dictionary<string, string>());
}

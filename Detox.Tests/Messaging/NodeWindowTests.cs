using System.Diagnostics;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>Turns of the ranks of a node, each with its window on one memory.</summary>
public sealed unsafe class NodeWindowTests
{
    private const int Ranks = 4;

    /// <summary>A rank that has not got its turn by then is waiting for one.</summary>
    private static readonly TimeSpan _moment = TimeSpan.FromMilliseconds(200);

    /// <summary>Less than a rank waits before it computes without a turn, and more than the shortest lease.</summary>
    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(4);

    private readonly List<Task> _waiting = [];
    private SharedMemory _memory = null!;
    private NodeWindow[] _windows = [];
    private int _cores;

    [SetUp]
    public void Open()
    {
        SharedMemory? memory = SharedMemory.TryOpen((ulong)Random.Shared.NextInt64(), create: true, NodeWindow.BytesFor(Ranks));
        if (memory is null) Assert.Ignore("this system has no /dev/shm");
        _memory = memory!;
        _memory.Unlink();
        _windows = [.. Enumerable.Range(0, Ranks).Select(rank => new NodeWindow(_memory, rank, Ranks))];
        foreach (NodeWindow window in _windows) _cores = window.CountCores().Node;
    }

    [TearDown]
    public void Close()
    {
        // A rank that still waits goes on after four leases, and reads the memory until then.
        Task.WaitAll(_waiting);
        _waiting.Clear();
        _memory?.Dispose();
    }

    [TestCase(1)]
    [TestCase(2)]
    public void SoManyRanksComputeAtATimeAsThereAreCoresForTheirThreads(int ranksThatFit)
    {
        int threads = Math.Max(1, _cores / ranksThatFit), turns = Math.Clamp(_cores / threads, 1, Ranks);
        for (int rank = 0; rank < turns; rank++) Assert.That(Take(rank, threads).Wait(_moment), Is.True, $"rank {rank} of {turns}");
        if (turns == Ranks) return;
        Task next = Take(turns, threads);
        Assert.That(next.Wait(_moment), Is.False, "one more than there are cores for");
        _windows[0].GiveTurn();
        Assert.That(next.Wait(_soon), Is.True, "after a turn was given back");
    }

    [Test]
    public void ATurnThatIsNeverGivenBackIsTakenAfterItsLease()
    {
        long* turn = FirstTurn(0);
        *turn = Stopwatch.GetTimestamp() - (3 * Stopwatch.Frequency / 2);
        long start = Stopwatch.GetTimestamp();
        Assert.That(Take(1, _cores).Wait(_soon), Is.True);

        // Of two seconds one and a half are over.
        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, Is.GreaterThan(0.4));
        Assert.That(*turn, Is.GreaterThan(start), "the turn is the new rank's");
    }

    [TestCase(-1)]
    [TestCase(long.MinValue)]
    [TestCase(long.MaxValue)]
    [TestCase(1L << 62)]
    public void GarbageInPlaceOfATimeLocksNobodyOut(long garbage)
    {
        long* turn = FirstTurn(0);
        for (int i = 0; i < Ranks; i++) turn[i] = garbage;
        for (int rank = 1; rank < Ranks; rank++)
        {
            Assert.That(Take(rank, _cores).Wait(_moment), Is.True, $"rank {rank}");
            _windows[rank].GiveTurn();
            turn[0] = garbage;
        }
    }

    [Test]
    public void ATimeInTheFutureLocksNobodyOut()
    {
        long* turn = FirstTurn(0);
        *turn = Stopwatch.GetTimestamp() + (60 * Stopwatch.Frequency);
        Assert.That(Take(1, _cores).Wait(_moment), Is.True);
    }

    [Test]
    public void WhoGivesBackATurnThatWasTakenFromItDoesNotFreeTheOthers()
    {
        long* turn = FirstTurn(0);
        *turn = 0;
        Assert.That(Take(1, _cores).Wait(_moment), Is.True, "the turn is rank 1's now");
        _windows[0].GiveTurn();
        Task third = Take(2, _cores);
        Assert.That(third.Wait(_moment), Is.False, "rank 1 still computes");
        _windows[1].GiveTurn();
        Assert.That(third.Wait(_soon), Is.True);
    }

    private Task Take(int rank, int threads)
    {
        Task task = Task.Factory.StartNew(() => _windows[rank].TakeTurn(threads), TaskCreationOptions.LongRunning);
        _waiting.Add(task);
        return task;
    }

    /// <summary>Lets a rank take the first turn; where in the memory that is written down.</summary>
    private long* FirstTurn(int rank)
    {
        long* words = (long*)_memory.Memory;
        ReadOnlySpan<long> after = new(words, (int)(NodeWindow.BytesFor(Ranks) / sizeof(long)));
        long[] before = after.ToArray();
        _windows[rank].TakeTurn(_cores);
        int place = after.CommonPrefixLength(before);
        Assert.That(place, Is.LessThan(after.Length), "a turn is written down");
        return words + place;
    }
}

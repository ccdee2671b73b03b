using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO.Pipes;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>What the ranks of a node say of one that ends. It is a process of its own; the others are this one.</summary>
public sealed class NodeWatchTests
{
    private const int Terminate = 15;
    private static readonly TimeSpan _soon = TimeSpan.FromSeconds(10);

    /// <summary>What has not been said by then is not said.</summary>
    private static readonly TimeSpan _moment = TimeSpan.FromMilliseconds(200);

    private readonly List<NodeWatch> _watches = [];
    private readonly List<WatchedProcess> _processes = [];
    private AnonymousPipeServerStream _errors = null!;
    private BlockingCollection<string> _lines = null!;
    private Task _reading = null!;
    private bool _hasSpoken;

    [SetUp]
    public void Open()
    {
        if (!OperatingSystem.IsLinux() || Environment.OSVersion.Version < new Version(5, 1)) Assert.Ignore("this kernel has no F_SEAL_FUTURE_WRITE");
        _errors = new AnonymousPipeServerStream(PipeDirection.In);
        _lines = [];
        _hasSpoken = false;
        _reading = Task.Factory.StartNew(
            () =>
            {
                using StreamReader reader = new(_errors);
                while (reader.ReadLine() is { } line) _lines.Add(line);
            },
            TaskCreationOptions.LongRunning);
    }

    [TearDown]
    public void Close()
    {
        foreach (NodeWatch watch in _watches) watch.Dispose();
        foreach (WatchedProcess process in _processes) process.Dispose();
        _watches.Clear();
        _processes.Clear();
        _errors?.DisposeLocalCopyOfClientHandle();
        _reading?.Wait(_soon);
        _lines?.Dispose();
    }

    [TestCase(2, 1)]
    [TestCase(4, 3)]
    [TestCase(5, 1)]
    [TestCase(5, 4)]
    public void AKilledRankIsNamedOnce(int ranks, int place)
    {
        WatchedProcess killed = StartOne(ranks, place);
        killed.Signal(MpiJob.Kill);
        AssertSaid(Line(killed, place));
    }

    [TestCase(WatchedProcess.Exits)]
    [TestCase(WatchedProcess.Crashes)]
    public void SoIsOneThatEndsWithoutLeaving(string end)
    {
        WatchedProcess ended = StartOne(ranks: 2, place: 1, end);
        ended.End();
        AssertSaid(Line(ended, 1));
    }

    [Test]
    public void WhoHasLeftMayEnd()
    {
        WatchedProcess ended = StartOne(ranks: 2, place: 1, WatchedProcess.Leaves);
        ended.End();
        ended.Signal(MpiJob.Kill);
        AssertSaid(null);
    }

    /// <summary>All ranks are, if one is.</summary>
    [TestCase(Terminate)]
    [TestCase(2)]
    public void WhoIsToldToEndLeavesFirst(int signal)
    {
        WatchedProcess ended = StartOne(ranks: 2, place: 1);
        ended.Signal(signal);
        ended.AwaitEnd();
        AssertSaid(null);
    }

    [Test]
    public void WhoHasLeftSaysNothing()
    {
        WatchedProcess killed = StartOne(ranks: 2, place: 1);
        _watches[0].Dispose();
        killed.Signal(MpiJob.Kill);
        AssertSaid(null);
    }

    [Test]
    public void WhereTheReasonWasSaidNothingFollows()
    {
        WatchedProcess killed = StartOne(ranks: 3, place: 2);
        _hasSpoken = true;
        killed.Signal(MpiJob.Kill);
        AssertSaid(null);
    }

    [Test]
    public void ARankThatScribblesOverItsLocksHarmsNobody()
    {
        WatchedProcess scribbler = New(WatchedProcess.Scribbles), killed = New(WatchedProcess.Leaves);
        StartNode([null, null, scribbler, killed]);
        scribbler.Signal(MpiJob.Kill);
        AssertSaid(null);
        killed.Signal(MpiJob.Kill);
        AssertSaid(Line(killed, 3));
    }

    /// <summary>A launcher that kills the whole node kills the first rank before those that watch it, and the second one after the first.</summary>
    [TestCase(0, false, false)]
    [TestCase(0, true, true)]
    [TestCase(1, true, false)]
    public void WhoIsKilledFirstIsNamedOnceTheLauncherCannotBeKilling(int place, bool isAtWork, bool isLate)
    {
        const double killingSeconds = 0.9;
        using Process launcher = Process.Start("bash", ["-c", isAtWork ? "while :; do :; done" : "exec sleep 60"]);
        WatchedProcess killed = New(WatchedProcess.Leaves);
        long start = Stopwatch.GetTimestamp();
        try
        {
            StartNode([place == 0 ? killed : null, place == 0 ? null : killed], launcher.Id);
            start = Stopwatch.GetTimestamp();
            killed.Signal(MpiJob.Kill);
            AssertSaid(Line(killed, place));
        }
        finally
        {
            launcher.Kill();
        }

        Assert.That(Stopwatch.GetElapsedTime(start).TotalSeconds, isLate ? Is.GreaterThan(killingSeconds) : Is.LessThan(killingSeconds));
    }

    public static string LineOf(int rank, string host, int process) => $"detox: rank {rank} on {host} (process {process}) has died: it was killed, it crashed, or memory ran out.";

    private static string Line(WatchedProcess ended, int rank) => LineOf(rank, Environment.MachineName, ended.Number);

    private WatchedProcess New(string end)
    {
        WatchedProcess process = new(end);
        _processes.Add(process);
        return process;
    }

    private WatchedProcess StartOne(int ranks, int place, string end = WatchedProcess.Leaves)
    {
        WatchedProcess?[] node = new WatchedProcess?[ranks];
        node[place] = New(end);
        StartNode(node);
        return node[place]!;
    }

    /// <param name="places">Null where a rank is this process.</param>
    private void StartNode(WatchedProcess?[] places, int? launcher = null)
    {
        int errors = (int)_errors.ClientSafePipeHandle.DangerousGetHandle();
        NodeWatch?[] own = [.. places.Select(other => other is null ? new NodeWatch(errors, launcher) : null)];
        _watches.AddRange(own.OfType<NodeWatch>());
        (int, int, int)[] node = [.. places.Select((other, rank) => (rank, other?.Number ?? Environment.ProcessId, other?.File ?? own[rank]!.File))];
        for (int rank = 0; rank < places.Length; rank++)
        {
            own[rank]?.Start(node, rank, () => !Interlocked.Exchange(ref _hasSpoken, true));
            places[rank]?.Start(node, rank);
        }
    }

    /// <summary>This line and no other; null: none at all.</summary>
    private void AssertSaid(string? expected)
    {
        if (expected is not null)
        {
            Assert.That(_lines.TryTake(out string? line, _soon), Is.True, "nothing was said");
            Assert.That(line, Is.EqualTo(expected));
        }

        Assert.That(_lines.TryTake(out string? another, _moment), Is.False, another);
    }
}

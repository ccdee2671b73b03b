using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Detox.Mpi.Messaging;
using NUnit.Framework;

namespace Detox.Tests.Messaging;

/// <summary>A rank of a node in a process of its own, without MPI: it ends as a test wants.</summary>
internal sealed class WatchedProcess : IDisposable
{
    public const string Verb = "watched";
    public const string Exits = "exit";
    public const string Crashes = "crash";
    public const string Leaves = "leave";
    public const string Scribbles = "scribble";

    private static readonly TimeSpan _longWait = TimeSpan.FromSeconds(20);

    private readonly Process _process;

    /// <param name="end">One of the words above.</param>
    public WatchedProcess(string end)
    {
        ProcessStartInfo start = new("dotnet", ["exec", typeof(WatchedProcess).Assembly.Location, Verb, end])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        File = int.Parse(_process.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
    }

    public int Number => _process.Id;

    /// <summary>The file of its locks.</summary>
    public int File { get; }

    /// <summary>Lets it take its locks, as many as it needs in this node.</summary>
    public void Start((int Rank, int Process, int File)[] node, int own)
    {
        _process.StandardInput.WriteLine($"{own} {string.Join(' ', node.Select(rank => $"{rank.Rank} {rank.Process} {rank.File}"))}");
        using SealedMemory locks = SealedMemory.TryOpen(Number, File, NodeWatch.Bytes)!;
        int held = Math.Min(NodeWatch.MostWatchers, node.Length - 1), bytes = NodeWatch.Bytes / NodeWatch.MostWatchers;
        Stopwatch clock = Stopwatch.StartNew();
        while (Enumerable.Range(0, held).Any(number => MemoryMarshal.Read<int>(locks.Bytes[(number * bytes)..]) == 0))
        {
            if (clock.Elapsed > _longWait) Assert.Fail("its locks are not taken");
            Thread.Sleep(1);
        }
    }

    /// <summary>Lets it do what it is to do at its end; returns when it is done with it.</summary>
    public void End()
    {
        _process.StandardInput.WriteLine();
        _process.StandardOutput.ReadLine();
    }

    public void Signal(int signal) => MpiJob.Signal(Number, signal);

    public void AwaitEnd() => Assert.That(_process.WaitForExit(_longWait), Is.True);

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }

    /// <summary>The process itself.</summary>
    public static int Run(string end)
    {
        if (end == Scribbles) Scribble();
        NodeWatch watch = new();
        Console.WriteLine(watch.File);
        int[] told = [.. Console.ReadLine()!.Split(' ').Select(int.Parse)];
        watch.Start([.. told.Skip(1).Chunk(3).Select(rank => (rank[0], rank[1], rank[2]))], told[0], static () => false);
        Console.ReadLine();
        if (end == Crashes) Environment.FailFast("as a test wants it");
        if (end == Exits) return 0;
        watch.Dispose();
        Console.WriteLine("has left");
        Console.ReadLine();
        return 0;
    }

    /// <summary>Writes into its locks what no rank has to write there, but not that it has died.</summary>
    private static void Scribble()
    {
        const int most = 0x3F;
        using SealedMemory locks = SealedMemory.TryCreate(NodeWatch.Bytes)!;
        Console.WriteLine(locks.File);
        while (true)
        {
            locks.Writable.Span.Fill((byte)Random.Shared.Next(1, most));
            Thread.Sleep(1);
        }
    }
}

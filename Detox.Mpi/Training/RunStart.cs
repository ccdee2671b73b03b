using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Detox.Gpu.Devices;
using Detox.Gpu.Networks;
using Detox.Mpi.Data;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>What the ranks tell rank 0 before the first step: who they are, and digests of what they are about to run.</summary>
/// <remarks>Ranks that run another program, other options or other data than rank 0 would dissent in every step. That is a mistake of
/// whoever started the job, and is said as one. Up to here all ranks are trusted to take part.</remarks>
internal sealed class RunStart
{
    private const int HostBytes = 64;

    private RunStart(IReadOnlyList<string> hosts, int[] processes, WeightsReach[] reach)
    {
        Hosts = hosts;
        Processes = processes;
        Reach = reach;
    }

    /// <summary>The host of each rank.</summary>
    public IReadOnlyList<string> Hosts { get; }

    /// <summary>The number of each rank's process on its host.</summary>
    public IReadOnlyList<int> Processes { get; }

    public WeightsReach[] Reach { get; }

    /// <summary>The lowest rank of each rank's node.</summary>
    public static int LeaderOf(Communicator world, int rank)
    {
        for (int other = 0; other < world.Size; other++)
            if (world.Nodes[other] == world.Nodes[rank]) return other;
        return rank;
    }

    /// <summary>Collective: what rank 0 knows of all; a <see cref="DetoxException"/> on rank 0 where ranks differ. Null on the other ranks.</summary>
    public static RunStart? Gather(Communicator world, TrainOptions options, DataSplit data, Network layout, WeightsSlots slots)
    {
        int leader = LeaderOf(world, world.Rank);
        Entry own = new()
        {
            Program = Hash(Text(typeof(RunStart)) + Text(typeof(Network))),
            Options = Hash(string.Join('\n', TrainOption.All.Where(option => option.IsTheJobs).Select(option => $"{option.Name}={option.Text(options)}"))),
            Data = data.Digest(),
            Model = Hash(string.Join('\n', layout.Parameters.Select(parameter => $"{parameter.Name} {string.Join('x', parameter.Shape)}"))),
            Process = Environment.ProcessId,
            Reach = new WeightsReach(leader, slots.CanRead(0), slots.CanRead(leader)),
        };
        Encoding.UTF8.GetEncoder().Convert(Environment.MachineName, own.Host, flush: true, out _, out _, out _);
        Entry[] all = new Entry[world.Rank == 0 ? world.Size : 0];
        world.Gather(new ReadOnlySpan<Entry>(in own), all, 0);
        if (world.Rank != 0) return null;

        string[] hosts = Array.ConvertAll(all, entry => Encoding.UTF8.GetString(entry.Host).TrimEnd('\0'));
        for (int rank = 1; rank < all.Length; rank++)
        {
            if (Difference(all[0], all[rank]) is { } what)
            {
                throw new DetoxException(
                    ExitCode.Environment,
                    $"rank {rank} on {hosts[rank]} has {what} than rank 0 on {hosts[0]}; start every rank with the same program, options and data.");
            }
        }

        return new RunStart(hosts, Array.ConvertAll(all, entry => entry.Process), Array.ConvertAll(all, entry => entry.Reach));
    }

    private static string? Difference(in Entry first, in Entry other)
    {
        if (other.Program != first.Program) return "another program (another build of it)";
        if (other.Options != first.Options) return "other options";
        if (other.Data != first.Data) return "another data set";
        return other.Model != first.Model ? "another model" : null;
    }

    /// <summary>A build of an assembly: the same source and compiler give the same number.</summary>
    private static string Text(Type type) => type.Module.ModuleVersionId.ToString();

    private static ulong Hash(string text) => XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(text));

    [InlineArray(HostBytes)]
    private struct HostName
    {
        private byte _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public ulong Program;
        public ulong Options;
        public ulong Data;
        public ulong Model;
        public int Process;
        public WeightsReach Reach;
        public HostName Host;
    }
}

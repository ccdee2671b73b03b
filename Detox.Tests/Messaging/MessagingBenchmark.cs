using System.Diagnostics;
using Detox.Mpi.Messaging;

namespace Detox.Tests.Messaging;

/// <summary>Times what one step of LeNet sends, where ranks outnumber cores: `mpiexec -n 45 dotnet exec Detox.Tests.dll measure`.</summary>
internal static class MessagingBenchmark
{
    private const int Parameters = 431_080;
    private const int Repetitions = 21;

    public static int Run(Communicator world)
    {
        double toStart = (DateTime.Now - Process.GetCurrentProcess().StartTime).TotalSeconds;
        Stopwatch split = Stopwatch.StartNew();
        int groupSize = Math.Min(3, world.Size);
        using Communicator group = world.Split(world.Rank / groupSize, world.Rank);
        double toSplit = split.Elapsed.TotalMilliseconds;
        float[] vector = new float[Parameters];
        byte[] ballots = new byte[33 * world.Size];
        byte[] groupBallots = new byte[33 * group.Size];
        int winners = world.Size / groupSize;
        float[][] received = [.. Enumerable.Range(0, world.Rank == 0 ? winners : 0).Select(_ => new float[Parameters])];

        void Winners()
        {
            if (world.Rank == 0)
            {
                Request?[] requests = new Request?[winners];
                for (int i = 1; i < winners; i++) requests[i] = world.ImmediateReceive<float>(received[i], i * groupSize, 1);
                for (int i = 1; i < winners; i++) requests[Request.WaitAny(requests)] = null;
            }
            else if (world.Rank % groupSize == 0 && world.Rank / groupSize < winners)
            {
                world.Send<float>(vector, 0, 1);
            }
        }

        Time(world, "barrier", world.Barrier);
        Time(world, "broadcast 1.7 MB", () => world.Broadcast(vector.AsSpan(), 0));
        Time(world, "gather 33 bytes", () => world.Gather(ballots.AsSpan(0, 33), world.Rank == 0 ? ballots : [], 0));
        Time(world, "allgather 33 bytes in groups", () => group.Allgather(groupBallots.AsSpan(0, 33), groupBallots.AsSpan()));
        Time(world, "allgather 33 bytes", () => world.Allgather(ballots.AsSpan(0, 33), ballots.AsSpan()));
        Time(world, "winners to rank 0", Winners);

        // What waiting costs the ranks that still compute: everything together, and the same work without messages.
        TimeSpan alone = default, together = default;
        for (int i = 0; i < Repetitions; i++)
        {
            world.Barrier();
            long start = Stopwatch.GetTimestamp();
            Compute();
            world.Barrier();
            alone += Stopwatch.GetElapsedTime(start);
            start = Stopwatch.GetTimestamp();
            Compute();
            group.Allgather(groupBallots.AsSpan(0, 33), groupBallots.AsSpan());
            world.Gather(ballots.AsSpan(0, 33), world.Rank == 0 ? ballots : [], 0);
            Winners();
            world.Broadcast(vector.AsSpan(), 0);
            together += Stopwatch.GetElapsedTime(start);
        }
        using Process self = Process.GetCurrentProcess();
        long[] totals = [self.WorkingSet64];
        world.Allreduce(totals, Reduction.Maximum);
        long[] cpu = [(long)self.TotalProcessorTime.TotalMilliseconds];
        world.Allreduce(cpu, Reduction.Sum);
        if (world.Rank == 0)
        {
            Console.WriteLine($"{"compute and a barrier",-30} {alone.TotalMilliseconds / Repetitions,9:F2} ms a step");
            Console.WriteLine($"{"compute and all messages",-30} {together.TotalMilliseconds / Repetitions,9:F2} ms a step");
            Console.WriteLine($"first rank started after {toStart:F2} s; split {toSplit:F0} ms; {totals[0] >> 20} MB a rank at most; {cpu[0]} ms of processor time in all");
        }
        return 0;
    }

    // About 5 ms of a core that no other rank needs, as a gradient is.
    private static void Compute()
    {
        double x = 1;
        for (int i = 0; i < 2_000_000; i++) x = Math.FusedMultiplyAdd(x, 0.999999, 1e-9);
        GC.KeepAlive(x);
    }

    private static void Time(Communicator world, string name, Action operation)
    {
        double[] seconds = new double[Repetitions];
        for (int i = 0; i < Repetitions + 2; i++)
        {
            world.Barrier();
            long start = Stopwatch.GetTimestamp();
            operation();
            // Over when the last rank has it.
            long[] end = [Stopwatch.GetTimestamp()];
            world.Allreduce(end, Reduction.Maximum);
            if (i >= 2) seconds[i - 2] = Stopwatch.GetElapsedTime(start, end[0]).TotalMilliseconds;
        }
        Array.Sort(seconds);
        if (world.Rank == 0) Console.WriteLine($"{name,-30} {seconds[Repetitions / 2],9:F2} ms (from {seconds[0]:F2} to {seconds[^1]:F2})");
    }
}

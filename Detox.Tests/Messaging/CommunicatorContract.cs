using Detox.Mpi;
using Detox.Mpi.Messaging;

namespace Detox.Tests.Messaging;

/// <summary>What every communicator does, whatever carries its messages: run as every rank of a world, it throws on the
/// rank that saw something else.</summary>
internal static class CommunicatorContract
{
    /// <summary>Around the 64 bytes of the smallest pieces, and over a slot of the node's window.</summary>
    private static readonly int[] _lengths = [0, 1, 7, 8, 9, 16, 64, 1000, 70_001];

    private static int _longest;

    /// <param name="longest">The most values in a message; four times as many in the longest broadcast.</param>
    public static void CheckAll(Communicator world, int longest)
    {
        _longest = longest;
        Collectives(world);
        Splits(world);
        PointToPoint(world);
        Order(world);
        Immediates(world);
        TooLong(world);
    }

    private static void Collectives(Communicator world)
    {
        foreach (int length in _lengths.Where(length => length <= _longest))
        {
            CollectivesOf(world, length, i => (byte)i);
            CollectivesOf(world, length, i => (float)i);
            CollectivesOf(world, length, i => (i, (double)i * 3));
        }
        Barrier(world);
        Reductions(world);
        LongBroadcast(world);
    }

    private static void CollectivesOf<T>(Communicator world, int length, Func<int, T> value)
        where T : unmanaged, IEquatable<T>
    {
        T[] Vector(int rank) => [.. Enumerable.Range(0, length).Select(i => value((rank * 31) + i))];
        T[] all = [.. Enumerable.Range(0, world.Size).SelectMany(Vector)];
        foreach (int root in new[] { 0, world.Size / 2, world.Size - 1 }.Distinct())
        {
            T[] broadcast = world.Rank == root ? Vector(root) : new T[length];
            world.Broadcast(broadcast.AsSpan(), root);
            Same(Vector(root), broadcast, $"broadcast of {length} {typeof(T).Name} from {root}");

            T[] gathered = new T[world.Rank == root ? length * world.Size : 0];
            world.Gather(Vector(world.Rank), gathered.AsSpan(), root);
            if (world.Rank == root) Same(all, gathered, $"gather of {length} {typeof(T).Name} at {root}");
        }

        T[] everywhere = new T[length * world.Size];
        world.Allgather(Vector(world.Rank), everywhere.AsSpan());
        Same(all, everywhere, $"allgather of {length} {typeof(T).Name}");
    }

    /// <summary>Longer than all slots of a node's window together, so that the slots are used more than once.</summary>
    private static void LongBroadcast(Communicator world)
    {
        int root = world.Size - 1;
        long[] values = new long[_longest * 4];
        for (int round = 1; round <= 2; round++)
        {
            for (int i = 0; i < values.Length; i++) values[i] = world.Rank == root ? i * round : -1;
            world.Broadcast(values.AsSpan(), root);
            for (int i = 0; i < values.Length; i++)
                if (values[i] != i * round) throw new InvalidOperationException($"long broadcast: [{i}] is {values[i]}, expected {i * round}");
        }
    }

    private static void Barrier(Communicator world)
    {
        // Every rank's clock before the barrier is at most every rank's clock after it.
        long[] before = [Environment.TickCount64];
        world.Barrier();
        long[] after = [Environment.TickCount64];
        world.Allreduce(before, Reduction.Maximum);
        world.Allreduce(after, Reduction.Minimum);
        if (before[0] > after[0]) throw new InvalidOperationException($"a rank left the barrier at {after[0]}, before another came at {before[0]}");
    }

    private static void Reductions(Communicator world)
    {
        long n = world.Size;
        (Reduction, long[])[] expected =
        [
            (Reduction.Sum, [n * (n - 1) / 2, n, -n * (1L << 40)]),
            (Reduction.Minimum, [0, 1, -(1L << 40)]),
            (Reduction.Maximum, [n - 1, 1, -(1L << 40)]),
        ];
        foreach ((Reduction reduction, long[] result) in expected)
        {
            long[] values = [world.Rank, 1, -(1L << 40)];
            world.Allreduce(values, reduction);
            Same(result, values, $"allreduce {reduction}");
        }
        world.Allreduce([], Reduction.Sum);
    }

    private static void Splits(Communicator world)
    {
        // Odd and even ranks, each in reverse order.
        using (Communicator half = world.Split(world.Rank % 2, -world.Rank))
        {
            int members = (world.Size + 1 - (world.Rank % 2)) / 2;
            int highest = world.Rank % 2 + (2 * (members - 1));
            Equal(members, half.Size, "size of a half");
            Equal((highest - world.Rank) / 2, half.Rank, "rank in a half");
            Collectives(half);
            PointToPoint(half);
        }

        // Equal keys keep the order of ranks; messages in a part do not meet those in the whole.
        using Communicator group = world.Split(world.Rank / 3, 0);
        Equal(world.Rank % 3, group.Rank, "rank in a group");
        using Communicator pair = group.Split(group.Rank / 2, 0);
        int[] own = [world.Rank];
        int[] ranks = new int[pair.Size];
        pair.Allgather(own, ranks.AsSpan());
        Same([.. Enumerable.Range(world.Rank - pair.Rank, pair.Size)], ranks, "ranks of a pair");

        using Communicator alone = world.Split(world.Rank, 0);
        Equal(1, alone.Size, "size of a rank's own part");
        Collectives(alone);
    }

    private static void PointToPoint(Communicator world)
    {
        int next = (world.Rank + 1) % world.Size;
        int previous = (world.Rank + world.Size - 1) % world.Size;
        foreach (int length in _lengths.Where(length => length <= _longest))
        {
            float[] sent = [.. Enumerable.Range(0, length).Select(i => (world.Rank * 100f) + i)];
            float[] expected = [.. Enumerable.Range(0, length).Select(i => (previous * 100f) + i)];
            float[] room = new float[length + 3];
            Request request = world.ImmediateReceive<float>(room, previous, 3);
            world.Send<float>(sent, next, 3);
            Equal(length, request.Wait(), "values received");
            Same(expected, room[..length], $"ring of {length}");
        }
    }

    private static void Order(Communicator world)
    {
        if (world.Size == 1) return;
        // Every rank sends to rank 0 on two tags; rank 0 takes the second tag first. Within a tag the order is kept.
        const int count = 5;
        List<Request> sends = [];
        if (world.Rank != 0)
        {
            for (int i = 0; i < count; i++)
                for (int tag = 1; tag <= 2; tag++)
                    sends.Add(world.ImmediateSend<int>(new[] { world.Rank, tag, i }, 0, tag));
        }
        else
        {
            int[] message = new int[3];
            for (int tag = 2; tag >= 1; tag--)
            {
                for (int i = 0; i < count; i++)
                {
                    for (int rank = world.Size - 1; rank > 0; rank--)
                    {
                        Equal(3, world.Receive<int>(message, rank, tag), "length of a message");
                        Same([rank, tag, i], message, "message in order");
                    }
                }
            }
        }
        foreach (Request send in sends) send.Wait();
        world.Barrier();
    }

    private static void Immediates(Communicator world)
    {
        int length = Math.Min(50_000, _longest);
        if (world.Rank != 0)
        {
            float[] own = new float[length];
            Array.Fill(own, world.Rank);
            Request send = world.ImmediateSend<float>(own, 0, 9);
            // A send under way must not hold up a collective operation, nor the other way round.
            world.Barrier();
            Equal(0, send.Wait(), "values received by a send");
            return;
        }

        float[][] received = [.. Enumerable.Range(0, world.Size).Select(_ => new float[length])];
        Request?[] requests = new Request?[world.Size];
        for (int rank = 1; rank < world.Size; rank++) requests[rank] = world.ImmediateReceive<float>(received[rank], rank, 9);
        world.Barrier();
        for (int left = world.Size - 1; left > 0; left--)
        {
            int rank = Request.WaitAny(requests);
            if (requests[rank]?.Test() != true) throw new InvalidOperationException("WaitAny returned a request that is not complete");
            Equal(length, requests[rank]!.Wait(), "values received");
            requests[rank] = null;
            if (Array.Exists(received[rank], value => value != rank)) throw new InvalidOperationException($"rank {rank}'s vector is not what it sent");
        }
    }

    private static void TooLong(Communicator world)
    {
        Request send = world.ImmediateSend<byte>(new byte[40], world.Rank, 4);
        try
        {
            world.Receive(new byte[39].AsSpan(), world.Rank, 4);
        }
        catch (DetoxException exception) when (exception.Message.Contains("at most 39 bytes", StringComparison.Ordinal))
        {
            send.Wait();
            world.Barrier();
            return;
        }
        throw new InvalidOperationException("a message longer than its room was received without an error");
    }

    private static void Equal(int expected, int found, string what)
    {
        if (expected != found) throw new InvalidOperationException($"{what}: expected {expected}, found {found}");
    }

    private static void Same<T>(T[] expected, ReadOnlySpan<T> found, string what)
        where T : unmanaged, IEquatable<T>
    {
        if (found.Length != expected.Length) throw new InvalidOperationException($"{what}: {found.Length} values, expected {expected.Length}");
        for (int i = 0; i < expected.Length; i++)
            if (!found[i].Equals(expected[i])) throw new InvalidOperationException($"{what}: [{i}] is {found[i]}, expected {expected[i]}");
    }
}

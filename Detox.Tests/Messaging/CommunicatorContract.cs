using System.Diagnostics;
using Detox.Mpi;
using Detox.Mpi.Messaging;

namespace Detox.Tests.Messaging;

/// <summary>What every communicator does, whatever carries its messages: run as every rank of a world, it throws on the
/// rank that saw something else.</summary>
internal static class CommunicatorContract
{
    /// <summary>Around the 64 bytes of the smallest pieces, and over a slot of the node's window.</summary>
    private static readonly int[] _lengths = [0, 1, 7, 8, 9, 16, 64, 1000, 70_001];

    /// <summary>Bytes, around what MPI libraries send at once, in pieces, or when asked for.</summary>
    private static readonly int[] _dropped = [40, 5_000, 0, 300_000, 2_000_000, 17, 300_000];

    private static readonly TimeSpan _longWait = TimeSpan.FromSeconds(20);

    private static int _longest;

    /// <param name="longest">The most values in a message; four times as many in the longest broadcast.</param>
    /// <param name="isWhole">Whether a message goes as one: what looks at messages sees no more than a piece.</param>
    public static void CheckAll(Communicator world, int longest, bool isWhole = true)
    {
        _longest = longest;
        Collectives(world);
        Splits(world);
        PointToPoint(world);
        Order(world);
        Immediates(world);
        TooLong(world);
        AwaitLimits(world);
        SharedBoards(world);
        if (!isWhole) return;
        Probes(world);
        ProbesOfAnyRank(world);
        Drops(world);
        QuietSends(world);
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

    private static void AwaitLimits(Communicator world)
    {
        const int milliseconds = 30;
        long start = Stopwatch.GetTimestamp();
        if (world.Await(static () => false, TimeSpan.FromMilliseconds(milliseconds))) throw new InvalidOperationException("nothing was found");
        double waited = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        if (waited < milliseconds || waited > _longWait.TotalMilliseconds / 2) throw new InvalidOperationException($"a wait of {milliseconds} ms took {waited:F0} ms");

        // Nobody asks for the message before it comes; it comes after the wait for it has begun.
        int next = (world.Rank + 1) % world.Size, previous = (world.Rank + world.Size - 1) % world.Size;
        Request receive = world.ImmediateReceive<int>(new int[1], previous, 8);
        if (world.Rank == 0)
        {
            if (world.Size > 1 && world.Await(receive.Test, TimeSpan.FromMilliseconds(milliseconds))) throw new InvalidOperationException("a message came that nobody has sent yet");
            world.Send<int>([world.Rank], next, 8);
        }

        if (!world.Await(receive.Test, _longWait)) throw new InvalidOperationException($"a message from rank {previous} was not noticed");
        if (world.Rank != 0) world.Send<int>([world.Rank], next, 8);
        world.Barrier();
    }

    /// <summary>Each rank looks at what the one before it, or it itself, has sent before it receives that.</summary>
    private static void Probes(Communicator world)
    {
        int next = (world.Rank + 1) % world.Size, previous = (world.Rank + world.Size - 1) % world.Size;
        foreach ((int from, int to) in new[] { (previous, next), (world.Rank, world.Rank) })
        {
            int[] lengths = [.. _lengths.Where(length => length <= _longest)];
            Request[] sends = [.. lengths.Select(length => world.ImmediateSend<int>(Enumerable.Repeat(length, length).ToArray(), to, 5))];
            foreach (int length in lengths)
            {
                for (int look = 0; look < 2; look++)
                {
                    (int sender, long bytes) = Look(world, from, 5);
                    Equal(from, sender, "sender of a message that has come");
                    Equal(length * sizeof(int), checked((int)bytes), "its bytes");
                }

                if (world.Probe(from, 6, out _, out _)) throw new InvalidOperationException("a message of one tag was seen with another");
                if (world.Probe(Communicator.AnyRank, 6, out _, out _)) throw new InvalidOperationException("a message of one tag was seen with another");
                int[] received = new int[length];
                Equal(length, world.ImmediateReceive<int>(received, from, 5).Wait(), "values received");
                Same([.. Enumerable.Repeat(length, length)], received, "a message that was looked at");
            }

            foreach (Request send in sends) send.Wait();
            if (world.Probe(from, 5, out _, out _)) throw new InvalidOperationException("a message was seen after it was received");
            world.Barrier();
        }
    }

    private static void ProbesOfAnyRank(Communicator world)
    {
        const int each = 3;
        Request[] sends = [.. Enumerable.Range(0, each).Select(i => world.ImmediateSend<int>(Enumerable.Repeat(i, world.Rank + 1).ToArray(), 0, 5))];
        if (world.Rank == 0)
        {
            int[] taken = new int[world.Size];
            for (int i = 0; i < each * world.Size; i++)
            {
                (int sender, long bytes) = Look(world, Communicator.AnyRank, 5);
                Equal((sender + 1) * sizeof(int), checked((int)bytes), $"bytes of a message of rank {sender}");
                int[] received = new int[sender + 1];
                world.ImmediateReceive<int>(received, sender, 5).Wait();
                Same([.. Enumerable.Repeat(taken[sender]++, sender + 1)], received, $"a message of rank {sender} in order");
            }

            Same([.. Enumerable.Repeat(each, world.Size)], taken, "messages of each rank");
        }

        foreach (Request send in sends) send.Wait();
        world.Barrier();
    }

    /// <summary>Messages that are received into nothing, each with one behind it that must arrive as it was sent.</summary>
    private static void Drops(Communicator world)
    {
        int next = (world.Rank + 1) % world.Size, previous = (world.Rank + world.Size - 1) % world.Size;
        int[] lengths = [.. _dropped.Where(bytes => bytes / sizeof(float) <= _longest * 10)];
        foreach ((int from, int to) in new[] { (previous, next), (world.Rank, world.Rank) })
        {
            List<Request> sends = [];
            foreach (int length in lengths)
            {
                byte[] dropped = new byte[length];
                Array.Fill(dropped, (byte)0xDD);
                sends.Add(world.ImmediateSend<byte>(dropped, to, 5));
                sends.Add(world.ImmediateSend<int>(Kept(to, length), to, 5));
            }

            foreach (int length in lengths)
            {
                Equal(length, checked((int)Look(world, from, 5).Bytes), "bytes of a message to be dropped");
                Request drop = world.Drop(from, 5);
                Equal(0, drop.Wait(), "values of a dropped message");
                Equal(1, drop.Test() && !drop.IsTooLong ? 1 : 0, "whether it is done");
                int[] kept = new int[Kept(world.Rank, length).Length];
                Equal(kept.Length * sizeof(int), checked((int)Look(world, from, 5).Bytes), "bytes of the message behind it");
                Equal(kept.Length, world.ImmediateReceive<int>(kept, from, 5).Wait(), "values of the message behind it");
                Same(Kept(world.Rank, length), kept, $"the message behind a dropped one of {length} bytes");
            }

            foreach (Request send in sends) send.Wait();
            world.Barrier();
        }

        static int[] Kept(int receiver, int length) => [.. Enumerable.Range(receiver, 700).Select(i => i * length)];
    }

    /// <summary>A message that wakes nobody is there when something else does.</summary>
    private static void QuietSends(Communicator world)
    {
        int next = (world.Rank + 1) % world.Size, previous = (world.Rank + world.Size - 1) % world.Size;
        Request send = world.ImmediateSend<int>(new[] { world.Rank, 1, 2 }, next, 5, quietly: true);
        world.Barrier();
        Equal(3 * sizeof(int), checked((int)Look(world, previous, 5).Bytes), "bytes of a quiet message");
        int[] received = new int[3];
        world.ImmediateReceive<int>(received, previous, 5).Wait();
        Same([previous, 1, 2], received, "a quiet message");
        send.Wait();
        world.Barrier();
    }

    /// <summary>Every second rank writes; a system without such memory gives nobody any.</summary>
    private static void SharedBoards(Communicator world)
    {
        const int bytes = 10_001;
        bool writes = world.Rank % 2 == 0;
        using Boards boards = world.OpenBoards(bytes, writes);

        // Of another opening, with which they have nothing in common.
        using Boards others = world.OpenBoards(bytes, !writes);
        int[] own = new int[world.Size];
        world.Allgather([boards.Own.Length], own.AsSpan());
        if (!writes) Equal(0, boards.Own.Length, "a board that this rank did not ask for");
        else if (!boards.Own.IsEmpty) Equal(bytes, boards.Own.Length, "bytes of a board");
        for (int round = 1; round <= 2; round++)
        {
            boards.Own.Span.Fill((byte)(world.Rank + round));
            world.Barrier();
            for (int rank = 0; rank < world.Size; rank++)
            {
                ReadOnlySpan<byte> board = boards.Of(rank);
                Equal(world.Nodes[rank] == world.Nodes[world.Rank] ? own[rank] : 0, board.Length, $"bytes of rank {rank}'s board");
                if (board.IndexOfAnyExcept((byte)(rank + round)) >= 0) throw new InvalidOperationException($"rank {rank}'s board is not what it wrote in round {round}");
            }

            world.Barrier();
        }
    }

    /// <summary>Waits until a message has come, and says whose it is.</summary>
    private static (int Sender, long Bytes) Look(Communicator world, int source, int tag)
    {
        (int Sender, long Bytes) found = default;
        if (!world.Await(() => world.Probe(source, tag, out found.Sender, out found.Bytes), _longWait))
            throw new InvalidOperationException($"rank {world.Rank} saw no message of rank {source} (tag {tag})");
        return found;
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

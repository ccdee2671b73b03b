using System.Globalization;

namespace Detox.Mpi.Messaging;

/// <summary>A communicator of an MPI library. Whatever waits is built on Isend, Irecv and Test, and sleeps on a doorbell.</summary>
internal sealed unsafe class MpiCommunicator : Communicator
{
    private const int CollectiveTag = LargestTag + 1;

    /// <summary>Up to this many ranks all tell all others; more of them gather at one that tells the rest.</summary>
    private const int DirectRanks = 8;

    private readonly MpiScope _scope;
    private readonly int[] _neighbours;
    private readonly int[] _nodes;
    private readonly MpiTransfer[] _transfers;
    private bool _disposed;

    /// <param name="neighbours">For each rank its number on this rank's node, or -1.</param>
    /// <param name="nodes">For each rank the number of its node.</param>
    private MpiCommunicator(MpiProcess process, MpiScope scope, int rank, int[] neighbours, int[] nodes)
    {
        Process = process;
        _scope = scope;
        Rank = rank;
        Size = neighbours.Length;
        _neighbours = neighbours;
        _nodes = nodes;
        _transfers = new MpiTransfer[2 * Size];
    }

    public override int Rank { get; }

    public override int Size { get; }

    /// <summary>The first line of what the library says, up to its first comma: the rest tells who built it.</summary>
    public override string Description => MpiLibrary.Version(Process.Library.Path).Split('\n', ',')[0].Replace(":\t", " ", StringComparison.Ordinal).Trim();

    public override IReadOnlyList<int> Nodes => _nodes;

    public override int OwnCores => Process.Cores.Own;

    public override int NodeCores => Process.Cores.Node;

    public override bool IsCrowded => Process.Window is { } window && window.Size > NodeCores;

    internal MpiProcess Process { get; }

    private protected override Doorbell Bell => Process.Bell;

    /// <summary>Starts MPI in a process that a launcher started, and returns the communicator of all ranks.</summary>
    /// <exception cref="DetoxException">The library is missing or does not fit the launcher.</exception>
    public static MpiCommunicator Start(Launcher launcher, string? wish)
    {
        MpiLibrary library = MpiLibrary.Load(launcher, wish);
        library.Initialize();
        int size = library.Size(library.World);
        if (size != launcher.Size && launcher.Size > 0)
        {
            throw new DetoxException(ExitCode.Environment,
                $"{launcher.Name} started {launcher.Size} ranks, but the library {library.Path} sees {size}: they do not know each other, so each would run alone. Start with the mpiexec of {MpiLocator.NameOf(library.Family)}'s own installation (under SLURM: {(library.Family == MpiFamily.OpenMpi ? "srun --mpi=pmix" : "srun --mpi=pmi2")}), or set {MpiLocator.Variable} to the library that belongs to the launcher.");
        }

        MpiProcess process = new(library) { NodeWatch = launcher.NamesTheDead || size == 1 ? null : new NodeWatch() };
        MpiScope scope = new(library.World, 0, [.. Enumerable.Range(0, size)]);
        MpiCommunicator world = new(process, scope, library.Rank(library.World), [.. Enumerable.Repeat(-1, size)], [.. Enumerable.Range(0, size)]);
        return size == 1 ? world : world.FindNeighbours();
    }

    /// <summary>Finds the ranks of each node and gives them a window, unless a node cannot share memory: then all ranks
    /// wait by looking again and again.</summary>
    private MpiCommunicator FindNeighbours()
    {
        Berth[] places = new Berth[Size];
        Allgather([new Berth(SharedMemory.Place() + Part(), (ulong)Random.Shared.NextInt64(), Environment.ProcessId, Process.NodeWatch?.File ?? -1)], places.AsSpan());
        int[] nodes = new int[Size], neighbours = new int[Size];
        int nodeCount = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            int first = Array.FindIndex(places, other => other.Place == places[rank].Place);
            nodes[rank] = first == rank ? nodeCount++ : nodes[first];
        }

        List<int> node = [];
        for (int rank = 0; rank < Size; rank++)
        {
            neighbours[rank] = nodes[rank] == nodes[Rank] ? node.Count : -1;
            if (neighbours[rank] >= 0) node.Add(rank);
        }

        bool leads = node[0] == Rank;
        ulong name = places[node[0]].Name;
        SharedMemory? memory = leads ? SharedMemory.TryOpen(name, create: true, NodeWindow.BytesFor(node.Count)) : null;
        Barrier();
        if (!leads) memory = SharedMemory.TryOpen(name, create: false, NodeWindow.BytesFor(node.Count));
        NodeWindow? window = memory is null ? null : new NodeWindow(memory, neighbours[Rank], node.Count);
        long[] shared = [memory is null ? 0 : 1];
        Allreduce(shared, Reduction.Minimum);
        if (leads) memory?.Unlink();
        if (shared[0] == 0)
        {
            window?.Dispose();
            window = null;
        }

        Process.NodeWatch?.Start([.. node.Select(rank => (rank, places[rank].Process, places[rank].Locks))], neighbours[Rank], () => window?.FirstToFail() ?? true);
        if (window is null)
        {
            Process.ShareCores(node.Count);
            return this;
        }

        Process.Share(window, nodeCount > 1);
        return new MpiCommunicator(Process, _scope, Rank, neighbours, nodes);
    }

    /// <summary>DETOX_NODES=N lets the ranks of one machine take themselves for those of N nodes, which share nothing.</summary>
    private ulong Part()
    {
        const string variable = "DETOX_NODES";
        if (Environment.GetEnvironmentVariable(variable) is not { Length: > 0 } text) return 0;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int nodes) || nodes < 1)
            throw new DetoxException(ExitCode.Environment, $"{variable} is a number of nodes, at least 1; found '{text}'.");
        return (ulong)(Rank * (long)Math.Min(nodes, Size) / Size);
    }

    /// <remarks>A part is first of all a range of tags: MPI_Comm_split of 45 ranks on 2 cores takes MPICH 4.0 a second, and
    /// one exchange of ours milliseconds. Where the library's tags are used up it is a communicator of MPI's.</remarks>
    public override Communicator Split(int color, int key)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(color);
        (int Color, int Key, int Range)[] all = new (int, int, int)[Size];
        Allgather([(color, key, Process.NextTagRange)], all.AsSpan());
        int[] members = [.. Enumerable.Range(0, Size).Where(rank => all[rank].Color == color).OrderBy(rank => all[rank].Key)];
        // All parts of one split may have one range, for no rank is in two of them.
        int range = all.Max(other => other.Range);
        MpiScope scope;
        if (range < Process.TagRanges)
        {
            Process.NextTagRange = range + 1;
            scope = new MpiScope(Process.Library.World, range * MpiScope.TagsInRange, [.. members.Select(_scope.RankOf)]);
        }
        else
        {
            nint handle = Process.Library.CreatePart(_scope.Handle, [.. members.Select(_scope.RankOf)], _scope.FirstTag + CollectiveTag);
            scope = new MpiScope(handle, 0, [.. Enumerable.Range(0, members.Length)]);
        }
        return new MpiCommunicator(Process, scope, Array.IndexOf(members, Rank), [.. members.Select(rank => _neighbours[rank])], [.. members.Select(rank => _nodes[rank])]);
    }

    public override void Barrier()
    {
        Span<byte> none = [];
        Gather(none, none, 0);
        byte gone = 1;
        Broadcast(new Span<byte>(ref gone), 0);
    }

    public override void Broadcast<T>(Span<T> values, int root)
    {
        CheckRank(root, nameof(root));
        if (Size == 1 || values.IsEmpty) return;
        fixed (T* pointer = values) BroadcastBytes((byte*)pointer, (long)values.Length * sizeof(T), root);
    }

    // What is generic only finds the bytes: a compiler ahead of time does not see which types virtual generic methods are called with.
    private void BroadcastBytes(byte* bytes, long length, int root) => MpiTransfer.Wait(Process, PassDownTree(bytes, length, root));

    /// <summary>Receives from the parent in a binomial tree and starts to send to the children, the largest subtree first.</summary>
    private Span<MpiTransfer> PassDownTree(byte* bytes, long length, int root)
    {
        int position = (Rank - root + Size) % Size;
        int RankAt(int place) => (place + root) % Size;
        int bit = 1;
        while (bit < Size && (position & bit) == 0) bit <<= 1;
        if (position != 0)
        {
            _transfers[0].Receive(this, bytes, length, RankAt(position - bit), CollectiveTag);
            MpiTransfer.Wait(Process, _transfers.AsSpan(0, 1));
        }

        int children = 0;
        for (bit >>= 1; bit > 0; bit >>= 1)
        {
            if (position + bit < Size)
                _transfers[children++].Send(this, bytes, length, RankAt(position + bit), CollectiveTag);
        }

        return _transfers.AsSpan(0, children);
    }

    public override void Gather<T>(ReadOnlySpan<T> values, Span<T> gathered, int root)
    {
        CheckRank(root, nameof(root));
        if (Rank == root) CheckGathered(values.Length, gathered.Length);
        fixed (T* own = values, all = gathered) GatherBytes((byte*)own, (byte*)all, (long)values.Length * sizeof(T), root);
    }

    private void GatherBytes(byte* own, byte* all, long length, int root)
    {
        int count = 0;
        if (Rank != root)
        {
            _transfers[count++].Send(this, own, length, root, CollectiveTag);
        }
        else
        {
            for (int rank = 0; rank < Size; rank++)
            {
                byte* place = all + (rank * length);
                if (rank != Rank) _transfers[count++].Receive(this, place, length, rank, CollectiveTag);
                else if (length > 0) Buffer.MemoryCopy(own, place, length, length);
            }
        }

        MpiTransfer.Wait(Process, _transfers.AsSpan(0, count));
    }

    public override void Allgather<T>(ReadOnlySpan<T> values, Span<T> gathered)
    {
        CheckGathered(values.Length, gathered.Length);
        fixed (T* own = values, all = gathered) AllgatherBytes((byte*)own, (byte*)all, (long)values.Length * sizeof(T));
    }

    private void AllgatherBytes(byte* own, byte* all, long length)
    {
        if (Size > DirectRanks)
        {
            GatherBytes(own, all, length, 0);
            if (length > 0) BroadcastBytes(all, length * Size, 0);
            return;
        }

        int count = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            byte* place = all + (rank * length);
            if (rank != Rank) _transfers[count++].Receive(this, place, length, rank, CollectiveTag);
            else if (length > 0) Buffer.MemoryCopy(own, place, length, length);
        }
        for (int step = 1; step < Size; step++)
            _transfers[count++].Send(this, own, length, (Rank + step) % Size, CollectiveTag);
        MpiTransfer.Wait(Process, _transfers.AsSpan(0, count));
    }

    public override void Allreduce(Span<long> values, Reduction reduction)
    {
        long[] all = new long[Rank == 0 ? Size * values.Length : 0];
        Gather(values, all, 0);
        if (Rank == 0) Reduce(values, all, reduction);
        Broadcast(values, 0);
    }

    public override void Send<T>(ReadOnlySpan<T> values, int destination, int tag)
    {
        CheckPeer(destination, tag, nameof(destination));
        fixed (T* pointer = values)
        {
            _transfers[0].Send(this, (byte*)pointer, (long)values.Length * sizeof(T), destination, tag);
            MpiTransfer.Wait(Process, _transfers.AsSpan(0, 1));
        }
    }

    public override int Receive<T>(Span<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        fixed (T* pointer = values)
        {
            _transfers[0].Receive(this, (byte*)pointer, (long)values.Length * sizeof(T), source, tag);
            MpiTransfer.Wait(Process, _transfers.AsSpan(0, 1));
            return checked((int)(_transfers[0].Moved / sizeof(T)));
        }
    }

    public override Request ImmediateSend<T>(ReadOnlyMemory<T> values, int destination, int tag, bool quietly = false)
    {
        CheckPeer(destination, tag, nameof(destination));
        return new MpiRequest(this, values.Pin(), (long)values.Length * sizeof(T), destination, tag, 0, quietly);
    }

    public override bool Probe(int source, int tag, out int sender, out long bytes)
    {
        if (source != AnyRank) CheckPeer(source, tag, nameof(source));
        bool has = Process.Library.Probe(source < 0 ? source : _scope.RankOf(source), _scope.FirstTag + tag, _scope.Handle, out sender, out int count);
        if (has) sender = _scope.NumberOf(sender);
        bytes = count;
        return has;
    }

    public override Request Drop(int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        return new MpiDrop(Process, Process.Library.StartDrop(_scope.RankOf(source), _scope.FirstTag + tag, _scope.Handle), () => Ring(source));
    }

    public override Boards OpenBoards(long bytes, bool writes) => MpiBoards.Open(this, bytes, writes);

    public override Request ImmediateReceive<T>(Memory<T> values, int source, int tag)
    {
        CheckPeer(source, tag, nameof(source));
        return new MpiRequest(this, values.Pin(), (long)values.Length * sizeof(T), source, tag, sizeof(T));
    }

    internal nint StartSend(byte* bytes, int length, int destination, int tag)
        => Process.Library.Isend(bytes, length, _scope.RankOf(destination), _scope.FirstTag + tag, _scope.Handle);

    internal nint StartReceive(byte* bytes, int length, int source, int tag)
        => Process.Library.Irecv(bytes, length, _scope.RankOf(source), _scope.FirstTag + tag, _scope.Handle);

    /// <summary>Whether a rank is on this node and hears this one's bell.</summary>
    internal bool IsNeighbour(int rank) => _neighbours[rank] >= 0;

    /// <summary>Tells a rank of this node that something was sent to it or taken from it.</summary>
    internal void Ring(int rank) => Process.Ring(_neighbours[rank]);

    public override void TakeTurn(int threads) => Process.Window?.TakeTurn(threads);

    public override void GiveTurn() => Process.Window?.GiveTurn();

    public override void Wake(IReadOnlyList<int> ranks, IReadOnlyList<int> processes)
    {
        foreach (int rank in ranks)
            if (_nodes[rank] == _nodes[Rank]) LibC.Continue(processes[rank]);
    }

    /// <remarks>Under --enable-recovery Open MPI ends with those that are left. Else its own way to end a job is taken, which mpiexec takes for
    /// what it is: neither an error nor a crash.</remarks>
    public override void EndWithout(IReadOnlyList<int> ranks, int exitCode)
    {
        if (Launcher.RecoversFromDeath) return;
        Process.NodeWatch?.Dispose();
        Process.Library.EndJob(exitCode);
    }

    public override void Abort(int exitCode)
    {
        Process.NodeWatch?.Dispose();
        Process.Library.Abort(exitCode);
        Environment.Exit(exitCode);
    }

    /// <summary>Collective. The communicator of all ranks ends MPI.</summary>
    public override void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        if (_scope.Handle != Process.Library.World) Process.Library.Free(_scope.Handle);
        else if (_scope.FirstTag == 0) EndMpi();
    }

    private void EndMpi()
    {
        Process.NodeWatch?.Dispose();
        Process.Library.Finish();
        Process.Window?.Dispose();
    }

    /// <summary>Where a rank is, and what its neighbours need of it.</summary>
    private readonly record struct Berth(ulong Place, ulong Name, int Process, int Locks);
}

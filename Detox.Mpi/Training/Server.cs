using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Aggregation;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Gpu.Networks;
using Detox.Mpi.Groups;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>Rank 0's part of a step: it decides the votes, verifies the winners, aggregates and takes the optimizer's step.</summary>
/// <remarks>It trusts only its own hands: majorities come from the ballots that it gathered itself, and a vector counts
/// only if it hashes to its group's majority ballot.</remarks>
internal sealed class Server : IDisposable
{
    private const ulong BucketKey = 0xB0C3E7;
    private readonly Communicator _world;
    private readonly Worker _worker;
    private readonly GroupTable _groups;
    private readonly TrainOptions _options;
    private readonly StepRecord _record;
    private readonly Device _device;
    private readonly BallotTree _tree;
    private readonly BucketedAggregation _gradientRule;
    private readonly BucketedAggregation _tailRule;
    private readonly DeviceBuffer _rowBuffer;
    private readonly DeviceBuffer _aggregate;
    private readonly Optimizer _optimizer;
    private readonly Row[] _rows;
    private readonly Request?[] _arriving;
    private readonly Ballot[] _ballots;
    private readonly float[] _scrap;
    private readonly Network _network;
    private readonly int _parameters;
    private readonly long[] _winnerOffsets;

    public Server(
        Communicator world,
        Worker worker,
        GroupTable groups,
        TrainOptions options,
        Device device,
        Optimizer optimizer,
        Network network,
        StepRecord record)
    {
        _world = world;
        _worker = worker;
        _groups = groups;
        _options = options;
        _device = device;
        _optimizer = optimizer;
        _record = record;
        _network = network;
        int parameters = network.ParameterCount, payloadLength = network.PayloadLength;
        _parameters = parameters;
        _tree = new BallotTree(device, options.Ballot, payloadLength);
        int f = options.MostCapturedGroups;
        _gradientRule = new BucketedAggregation(
            device,
            AggregationRule.Parse(options.Within, f),
            AggregationRule.Parse(options.Across, f),
            options.Buckets!.Value,
            groups.GroupCount,
            parameters);

        // Statistics and loss are no gradient: a rule that compares distances or signs would misread them.
        _tailRule = new BucketedAggregation(
            device,
            AggregationRule.Parse("mean", f),
            AggregationRule.Parse("median", f),
            groups.GroupCount,
            groups.GroupCount,
            payloadLength - parameters);

        long stride = (payloadLength + 15L) / 16 * 16;
        _rowBuffer = device.Allocate(stride * groups.GroupCount);
        _rows = new Row[groups.GroupCount];
        _arriving = new Request?[groups.GroupCount];
        for (int g = 0; g < _rows.Length; g++)
        {
            View view = _rowBuffer.All.Slice(g * stride, payloadLength);
            _rows[g] = new Row(g, view, new HostMirror(device, view), new byte[_tree.Leaves.Length]);
        }

        _aggregate = device.Allocate(payloadLength);
        _scrap = new float[payloadLength];
        _ballots = new Ballot[world.Size];
        _winnerOffsets = new long[groups.GroupCount];
    }

    /// <summary>7. Each group's majority, from the ballots that rank 0 was told.</summary>
    public void Decide(ReadOnlySpan<Declaration> declarations)
    {
        for (int rank = 0; rank < _ballots.Length; rank++)
        {
            _ballots[rank] = declarations[rank].Ballot;
            if (declarations[rank].WeightsDamaged == 1)
                _record.Blames.Add(new Blame(_record.Step, rank, _groups.GroupOf(rank), Fault.DamagedWeights, 0, -1, 0, 0));
        }

        foreach (Row row in _rows)
        {
            row.Clear();
            Elect(row);
            ReadOnlySpan<int> members = _groups.Members(row.Group);
            foreach (int rank in members)
                if (declarations[rank].Sends == 1) row.Senders.Add(rank);
        }
    }

    /// <summary>6 and 7. One verified vector of each group that has a majority.</summary>
    public void CollectWinners()
    {
        foreach (Row row in _rows) StartToReceive(row);
        while (Array.Exists(_arriving, request => request is not null))
        {
            int next = Request.WaitAny(_arriving);
            int length = _arriving[next]!.Wait();
            _arriving[next] = null;
            Verify(_rows[next], _rows[next].ReceivedFrom, length);
        }

        foreach (Row row in _rows)
        {
            foreach (int rank in row.Senders) Discard(rank);
            if (row.IsVoid && _options.OnVoid == OnVoid.Recompute) Recompute(row);
            if (row.IsVoid) _record.Voids.Add(row.Group);
            else if (!row.IsVerified) AskHolders(row);
        }
    }

    /// <summary>9. Whose ballot is not its group's, and at which parameter its vector first differs.</summary>
    public void NameDissenters()
    {
        foreach (Row row in _rows)
        {
            if (!row.IsVerified) continue;
            foreach (int rank in _groups.Members(row.Group))
                if (_ballots[rank] != row.Majority && !Abstained(rank)) row.Dissenters.Add(rank);
        }

        // Asked at once, answered in turn: the dissenters work while rank 0 compares.
        foreach (Row row in _rows)
            foreach (int rank in row.Dissenters) Ask(rank, Demand.SendLeaves);
        byte[] answer = new byte[_tree.Leaves.Length];
        foreach (Row row in _rows)
            foreach (int rank in row.Dissenters) Compare(row, rank, answer);
    }

    /// <summary>Frees the other ranks to wait for the weights, and tells them whether a step follows.</summary>
    public void LetAllProceed(bool stepFollows)
    {
        for (int rank = 1; rank < _world.Size; rank++) Ask(rank, stepFollows ? Demand.Proceed : Demand.ProceedAndEnd);
    }

    /// <summary>8. Buckets, rules, optimizer. Too few winners for the rules: the weights stay as they are.</summary>
    public void Aggregate()
    {
        int winners = 0;
        foreach (Row row in _rows)
            if (row.IsVerified) _winnerOffsets[winners++] = row.View.Offset;
        _record.Skipped = _gradientRule.Problem(winners);
        if (_record.Skipped is not null) return;

        SeededRandom random = new(_options.Seed, BucketKey, (ulong)_record.Step);
        int tail = (int)_aggregate.Length - _parameters;
        ReadOnlySpan<long> offsets = _winnerOffsets.AsSpan(0, winners);
        _gradientRule.Aggregate(new Rows(_rowBuffer.All, offsets, _parameters), random.NextBits(), _aggregate.All.Slice(0, _parameters));
        for (int i = 0; i < winners; i++) _winnerOffsets[i] += _parameters;
        _tailRule.Aggregate(new Rows(_rowBuffer.All, offsets, tail), 0, _aggregate.All.Slice(_parameters, tail));
        _record.LearningRate = _optimizer.Step(_worker.Weights.View, _aggregate.All.Slice(0, _parameters), _record.Step);
        _network.MoveStatistics(_worker.Weights.View, _aggregate.All.Slice(_parameters, tail - 1));
        float loss = 0;
        _device.Read(_aggregate.All.Slice(_aggregate.Length - 1, 1), new Span<float>(ref loss));
        _record.Loss = loss;
    }

    public void Dispose()
    {
        _gradientRule.Dispose();
        _tailRule.Dispose();
        _rowBuffer.Dispose();
        _aggregate.Dispose();
    }

    private void Elect(Row row)
    {
        ReadOnlySpan<int> members = _groups.Members(row.Group);
        Span<Ballot> ballots = stackalloc Ballot[members.Length];
        for (int i = 0; i < members.Length; i++) ballots[i] = _ballots[members[i]];
        int winner = Vote.Majority(ballots);
        row.IsVoid = winner < 0;
        if (winner >= 0) row.Majority = ballots[winner];
    }

    /// <summary>The first sender that holds the majority ballot fills the row; what others send is discarded later.</summary>
    private void StartToReceive(Row row)
    {
        for (int i = 0; i < row.Senders.Count && !row.IsVoid; i++)
        {
            int rank = row.Senders[i];
            if (_ballots[rank] != row.Majority) continue;
            row.Senders.RemoveAt(i);
            row.ReceivedFrom = rank;
            row.Asked.Add(rank);
            if (rank == 0) Verify(row, rank, CopyOwn(row.Memory));
            else _arriving[row.Group] = _world.ImmediateReceive(row.Memory, rank, Tag.Vector);
            return;
        }
    }

    private void Verify(Row row, int rank, int length)
    {
        if (rank != 0) _record.VectorBytes += length * (long)sizeof(float);
        row.Mirror.Send();
        if (length == row.Memory.Length && _tree.Compute(row.View) == row.Majority)
        {
            row.IsVerified = true;
            _tree.Leaves.CopyTo(row.Leaves);
            return;
        }

        _record.Blames.Add(new Blame(_record.Step, rank, row.Group, Fault.VectorMismatch, 0, -1, 0, 0));
    }

    private int CopyOwn(Memory<float> destination)
    {
        Memory<float> own = _worker.Vector;
        own.Span.CopyTo(destination.Span);
        return own.Length;
    }

    /// <summary>A vector that its sender announced and nobody wants still has to be taken off the wire.</summary>
    private void Discard(int rank)
    {
        if (rank != 0) _record.VectorBytes += _world.Receive(_scrap.AsSpan(), rank, Tag.Vector) * (long)sizeof(float);
    }

    /// <summary>The next holders of the majority ballot, one after another, until one sends what it voted for.</summary>
    private void AskHolders(Row row)
    {
        foreach (int rank in _groups.Members(row.Group))
        {
            if (row.IsVerified) return;
            if (_ballots[rank] != row.Majority || row.Asked.Contains(rank)) continue;
            row.Asked.Add(rank);
            Ask(rank, Demand.SendVector);
            Verify(row, rank, rank == 0 ? CopyOwn(row.Memory) : _world.Receive(row.Memory.Span, rank, Tag.Vector));
        }
    }

    private void Recompute(Row row)
    {
        ReadOnlySpan<int> members = _groups.Members(row.Group);
        foreach (int rank in members) Ask(rank, Demand.Recompute);
        foreach (int rank in members)
        {
            Ballot ballot = default;
            if (rank == 0) ballot = _worker.Recompute();
            else _world.Receive(new Span<Ballot>(ref ballot), rank, Tag.Answer);
            _ballots[rank] = ballot;
        }

        Elect(row);
    }

    /// <summary>Leaf digests that do not lead to the dissenter's ballot name nothing: the rank is blamed all the same.</summary>
    private void Compare(Row row, int rank, byte[] leaves)
    {
        int received = leaves.Length;
        if (rank == 0) _worker.Leaves.CopyTo(leaves);
        else received = _world.Receive<byte>(leaves, rank, Tag.Answer);

        int digest = leaves.Length / _tree.LeafCount, differing = 0, first = -1;
        for (int leaf = _tree.LeafCount - 1; leaf >= 0 && received == leaves.Length; leaf--)
        {
            if (leaves.AsSpan(leaf * digest, digest).SequenceEqual(row.Leaves.AsSpan(leaf * digest, digest))) continue;
            differing++;
            first = leaf;
        }

        int index = -1;
        float expected = 0, found = 0;
        if (first >= 0)
        {
            Ask(rank, Demand.SendLeaf, first);
            int start = first * BallotTree.LeafFloats, length = Math.Min(BallotTree.LeafFloats, row.Memory.Length - start);
            ReadOnlySpan<float> right = row.Memory.Span.Slice(start, length);
            Span<float> wrong = _scrap.AsSpan(0, length);
            if (rank == 0) _worker.Leaf(first).Span.CopyTo(wrong);
            else _world.Receive(wrong, rank, Tag.Answer);
            int offset = MemoryMarshal.AsBytes(right).CommonPrefixLength(MemoryMarshal.AsBytes(wrong)) / sizeof(float);
            if (offset < length)
            {
                index = start + offset;
                expected = right[offset];
                found = wrong[offset];
            }
        }

        _record.Blames.Add(new Blame(_record.Step, rank, row.Group, Fault.Dissent, differing, index, expected, found));
    }

    private void Ask(int rank, Demand demand, int leaf = 0)
    {
        if (rank == 0) return;
        Instruction instruction = new() { Demand = demand, Leaf = leaf };
        _world.Send(new ReadOnlySpan<Instruction>(in instruction), rank, Tag.Instruction);
    }

    private bool Abstained(int rank)
    {
        foreach (Blame blame in _record.Blames)
            if (blame.Rank == rank && blame.Fault == Fault.DamagedWeights) return true;
        return false;
    }

    /// <summary>One group's place in this step.</summary>
    private sealed class Row(int group, View view, HostMirror mirror, byte[] leaves)
    {
        public int Group { get; } = group;

        public View View { get; } = view;

        public HostMirror Mirror { get; } = mirror;

        /// <summary>Where the vector is received.</summary>
        public Memory<float> Memory => Mirror.Memory;

        /// <summary>The leaf digests of the verified vector.</summary>
        public byte[] Leaves { get; } = leaves;

        /// <summary>Ranks that announced a vector which has not been received.</summary>
        public List<int> Senders { get; } = [];

        /// <summary>Ranks whose vector was taken for this row, rightly or not.</summary>
        public List<int> Asked { get; } = [];

        public List<int> Dissenters { get; } = [];

        public Ballot Majority { get; set; }

        public bool IsVoid { get; set; }

        public bool IsVerified { get; set; }

        public int ReceivedFrom { get; set; }

        public void Clear()
        {
            Senders.Clear();
            Asked.Clear();
            Dissenters.Clear();
            IsVoid = false;
            IsVerified = false;
        }
    }
}

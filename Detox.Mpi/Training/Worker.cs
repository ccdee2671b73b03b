using System.Diagnostics;
using System.Runtime.InteropServices;
using Detox.Gpu;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Attacks;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>A rank's part of a step: the gradient, the ballot, and the answers to what rank 0 asks.</summary>
internal sealed class Worker : IDisposable
{
    private const ulong AttackKey = 0xA77AC4;
    private readonly Communicator _world;
    private readonly Communicator _group;
    private readonly int _groupNumber;
    private readonly IGradientSource _gradients;
    private readonly DeviceBuffer _payload;
    private readonly HostMirror _hostPayload;
    private readonly Device _device;
    private readonly BallotTree _tree;
    private readonly Attack _attack;
    private readonly ulong _seed;
    private readonly int _threads;
    private readonly Ballot[] _groupBallots;
    private long _step;
    private bool _isByzantine;
    private bool _weightsDamaged;
    private bool _hasTurn;
    private bool _isFetched;
    private long _weightsArrived = Stopwatch.GetTimestamp();
    private Declaration _declaration;

    public Worker(
        Communicator world,
        Communicator group,
        int groupNumber,
        Device device,
        IGradientSource gradients,
        ModelWeights weights,
        int payloadLength,
        BallotKind ballot,
        Attack attack,
        ulong seed,
        int threads)
    {
        _world = world;
        _group = group;
        _groupNumber = groupNumber;
        _gradients = gradients;
        Weights = weights;
        _payload = device.Allocate(payloadLength);
        _hostPayload = new HostMirror(device, _payload.All);
        _device = device;
        _tree = new BallotTree(device, ballot, payloadLength);
        _attack = attack;
        _seed = seed;
        _threads = threads;
        _groupBallots = new Ballot[group.Size];
    }

    public ModelWeights Weights { get; }

    /// <summary>The loss of this rank's part as it was computed, before any attack.</summary>
    public float HonestLoss { get; private set; }

    /// <summary>The vector that goes to rank 0: an attack may make it empty.</summary>
    public Memory<float> Vector => _isByzantine ? _attack.Vector(FetchedPayload()) : FetchedPayload();

    /// <summary>3. The gradient of the group's part. A rank whose weights are damaged has nothing to say in this step.</summary>
    public void ComputeGradient(long step, bool isByzantine)
    {
        _step = step;
        _isByzantine = isByzantine && !_attack.IsNone;
        _world.TakeTurn(_threads);
        _hasTurn = true;
        if (!_weightsDamaged) Compute(attempt: 0);
        _declaration = new Declaration
        {
            ComputeSeconds = (float)Stopwatch.GetElapsedTime(_weightsArrived).TotalSeconds,
            WeightsDamaged = _weightsDamaged ? (byte)1 : (byte)0,
        };

        // The ballot belongs to the same turn, unless colluders have to speak with others first.
        if (_attack.NeedsHonestGradients) EndTurn();
    }

    /// <summary>4. Lets an attack read and change the payload as this rank would send it.</summary>
    public void EditPayload(Action<Memory<float>> edit)
    {
        edit(FetchedPayload());
        _hostPayload.Send();
    }

    /// <summary>5. The ballot, shown to the group. The lowest rank of the majority takes itself for the winner.</summary>
    public Declaration Vote()
    {
        Ballot ballot = CastBallot();
        EndTurn();
        _group.Allgather<Ballot>(new ReadOnlySpan<Ballot>(in ballot), _groupBallots);
        _declaration.Sends = Gpu.Digests.Vote.Majority(_groupBallots) == _group.Rank ? (byte)1 : (byte)0;
        _declaration.Ballot = BallotForServer(ballot);
        return _declaration;
    }

    /// <summary>6. A winner's vector starts for rank 0; null where there is nothing to send.</summary>
    public Request? SendIfWinner()
        => _declaration.Sends == 1 && _world.Rank != 0 ? _world.ImmediateSend<float>(Vector, 0, Tag.Vector) : null;

    /// <summary>7. Answers what rank 0 asks until it asks nothing more; false where no step follows.</summary>
    public bool ServeUntilProceed()
    {
        while (true)
        {
            Instruction instruction = default;
            _world.Receive(new Span<Instruction>(ref instruction), 0, Tag.Instruction);
            switch (instruction.Demand)
            {
                case Demand.Proceed:
                    return true;
                case Demand.ProceedAndEnd:
                    return false;
                case Demand.SendVector:
                    _world.Send<float>(Vector.Span, 0, Tag.Vector);
                    break;
                case Demand.Recompute:
                    Ballot ballot = Recompute();
                    _world.Send(new ReadOnlySpan<Ballot>(in ballot), 0, Tag.Answer);
                    break;
                case Demand.SendLeaves:
                    _world.Send(Leaves, 0, Tag.Answer);
                    break;
                case Demand.SendLeaf:
                    _world.Send<float>(Leaf(instruction.Leaf).Span, 0, Tag.Answer);
                    break;
                default:
                    throw new InvalidOperationException($"Rank 0 asked rank {_world.Rank} for {instruction.Demand}, which is no demand.");
            }
        }
    }

    /// <summary>The digests of the leaves of what this rank voted with.</summary>
    public ReadOnlySpan<byte> Leaves => _tree.Leaves;

    /// <summary>The floats of one leaf of what this rank voted with.</summary>
    public Memory<float> Leaf(int leaf)
    {
        int start = leaf * BallotTree.LeafFloats;
        Memory<float> payload = FetchedPayload();
        return payload.Slice(start, Math.Min(BallotTree.LeafFloats, payload.Length - start));
    }

    /// <summary>The part once more, for a void group; the ballot that rank 0 is told.</summary>
    public Ballot Recompute()
    {
        // Colluders keep their forged payload: the honest gradients have not changed.
        bool keepsForgery = _isByzantine && _attack.NeedsHonestGradients;
        if (!_weightsDamaged && !keepsForgery) Compute(attempt: 1);
        return BallotForServer(CastBallot());
    }

    /// <summary>8. After the broadcast: damaged weights make this rank abstain until it is sent good ones.</summary>
    public void CheckWeights()
    {
        _weightsDamaged = !Weights.Accept();
        _weightsArrived = Stopwatch.GetTimestamp();
    }

    public void Dispose()
    {
        _payload.Dispose();
    }

    private void Compute(int attempt)
    {
        _gradients.Compute(_step, _groupNumber, attempt, Weights.View, _payload.All);
        _isFetched = false;
        float loss = 0;
        _device.Read(_payload.All.Slice(_payload.Length - 1, 1), new Span<float>(ref loss));
        HonestLoss = loss;
        if (_isByzantine && !_attack.NeedsHonestGradients) EditPayload(payload => _attack.Replace(payload.Span, AttackRandom()));
    }

    /// <summary>The payload on the host. Only a winner, an attack and a question of rank 0 need it there.</summary>
    private Memory<float> FetchedPayload()
    {
        if (!_isFetched) _hostPayload.Fetch();
        _isFetched = true;
        return _hostPayload.Memory;
    }

    private void EndTurn()
    {
        if (_hasTurn) _world.GiveTurn();
        _hasTurn = false;
    }

    private Ballot CastBallot() => _weightsDamaged ? Ballot.Invalid : _tree.Compute(_payload.All);

    private Ballot BallotForServer(Ballot ballot) => _isByzantine ? _attack.BallotForServer(ballot, AttackRandom()) : ballot;

    private SeededRandom AttackRandom() => new(_seed, AttackKey, (ulong)_step, (ulong)_world.Rank);
}

using System.Numerics;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>What the ranks can read of each other's weights, as each has told at the start.</summary>
/// <param name="Leader">The lowest rank of the rank's node, which passes weights on to it.</param>
/// <param name="ReadsRoot">Whether it reads rank 0's slots.</param>
/// <param name="ReadsLeader">Whether it reads its leader's slots.</param>
internal readonly record struct WeightsReach(int Leader, bool ReadsRoot, bool ReadsLeader);

/// <summary>Rank 0's side of the weights: writes them, tells each rank their digests itself, and names who carries them.</summary>
/// <remarks>Ranks of rank 0's node read them where they were written. To other nodes they go in pieces, from one rank a node to the next, which
/// writes them for its neighbours: along a chain, in which every piece leaves rank 0 once, or down a binomial tree, whichever is done sooner. A carrier is named, and carries no more, where most of those who know, itself among them, say that it
/// passed on something else. A complaint that stands alone names nobody: who makes it gets its weights from rank 0 from then on, and has no
/// other to complain of.</remarks>
internal sealed class WeightsPublisher(
    Communicator world,
    ModelWeights weights,
    WeightsSlots slots,
    BallotTree tree,
    WeightsReach[] reach,
    StepPatience patience,
    StepRecord record,
    WeightsPieces? pieces = null)
{
    /// <summary>A rank waits for its carrier this share of the patience that the whole step has.</summary>
    private const int PatienceShare = 4;

    private readonly WeightsPieces _pieces = pieces ?? new WeightsPieces(weights.Values.Length);
    private readonly bool _goesToOthers = Array.Exists(reach, rank => !rank.ReadsRoot);
    private readonly List<Request>[] _sending = Array.ConvertAll(reach, _ => new List<Request>());
    private readonly List<List<Request>> _sentNow = [];
    private readonly bool[] _isDistrusted = new bool[reach.Length];
    private readonly bool[] _isServedFromHere = new bool[reach.Length];

    private readonly List<int> _relays = [];
    private readonly List<(int Rank, int Carrier, HeadFlags Flags)> _complaints = [];
    private UInt128 _xxh128;
    private Ballot _root;
    private MessageKind _word = MessageKind.Proceed;
    private bool _isChain;

    /// <summary>The step that the last weights written are for.</summary>
    public long Step { get; private set; } = -1;

    /// <summary>The digest of the weights that were fetched last, by which those are known that other ranks carry.</summary>
    public Ballot Root => _root;

    /// <summary>Brings the device's weights to the host, and what else is on its way there: a GPU is waited for once.</summary>
    public void Fetch()
    {
        weights.BeginFetch();
        _root = weights.Root(tree);
    }

    /// <summary>Writes the weights that were fetched for the ranks that compute a step with them.</summary>
    public void Write(long step)
    {
        Step = step;
        slots.Write(step, weights.Bytes);
        if (_goesToOthers) _pieces.Write(step, weights.Bytes, tree.LeavesOf(0));
        _xxh128 = ModelWeights.Xxh128(weights.Bytes);
    }

    /// <summary>The weights that come next are the last: with them goes the word that no step follows.</summary>
    public void EndWithThese() => _word = MessageKind.End;

    /// <summary>Lets all ranks that owe nothing proceed to the step.</summary>
    public void LetProceed(IReadOnlyList<Conversation> ranks)
    {
        _sentNow.Clear();
        _relays.Clear();
        _relays.Add(0);
        foreach (Conversation rank in ranks)
            if (IsRelay(rank)) _relays.Add(rank.Rank);
        _isChain = IsChainSooner(_relays.Count, _pieces.Count);

        // Whoever passes weights on is told first, and who has the most behind it before others.
        for (int place = _relays.Count - 1; place > 0; place--)
            if (ranks[_relays[place]].MayProceed(Step)) Tell(ranks[_relays[place]]);
        foreach (Conversation rank in ranks)
            if (rank.MayProceed(Step)) Tell(rank);
    }

    /// <summary>Waits until the weights of the step have left for other nodes: a library sends only while it is called, and whoever computes first lets them wait.</summary>
    public void SeeOff()
        => world.Await(() => _sentNow.TrueForAll(static sends => sends.TrueForAll(static send => send.Test())), patience.Whole / PatienceShare);

    /// <summary>Lets one rank proceed that comes late: with weights from here.</summary>
    public void LetProceed(Conversation rank)
    {
        if (rank.MayBeOffered(Step)) Tell(rank, alone: true);
    }

    /// <summary>A spare rank is to hold back no longer.</summary>
    public void Hurry(Conversation rank)
    {
        rank.Call();
        if (rank.NewestOwed == Step) rank.TrySay(Proceed(0));
    }

    /// <summary>A rank got no weights, or others than promised.</summary>
    public void Hear(Conversation rank, HeadFlags flags)
    {
        if (rank.NewestOwed != Step)
        {
            // It was away for more than a step: those weights are gone, and nobody wants what it would compute with them.
            rank.Pay(rank.NewestOwed);
            Tell(rank, alone: true);
            return;
        }

        _complaints.Add((rank.Rank, rank.Carrier, flags));
        rank.AwaitsWeights = true;
        SendAwaited(rank);
    }

    /// <summary>Sends a rank the weights that it has asked for, once older ones are not in the way any more.</summary>
    public void SendAwaited(Conversation rank)
    {
        if (rank.NewestOwed == Step && IsOnItsWay(rank.Rank)) return;
        rank.AwaitsWeights = false;
        if (rank.NewestOwed == Step) Send(rank.Rank);
    }

    /// <summary>After a step: whom the complaints speak of.</summary>
    public void Judge(IReadOnlyList<Conversation> ranks)
    {
        foreach (IGrouping<int, (int Rank, int Carrier, HeadFlags Flags)> complaints in _complaints.GroupBy(complaint => complaint.Carrier))
        {
            int carrier = complaints.Key, behind = ranks.Count(rank => rank.Carrier == carrier);
            int wrong = complaints.Count(complaint => complaint.Flags == HeadFlags.None);

            // A rank that is behind itself, or got nothing from a carrier that is to blame, had nothing to pass on in time.
            bool hasComplained = _complaints.Exists(complaint => complaint.Rank == carrier);
            bool hadNothing = ranks[carrier].Ballot is null || _complaints.Exists(complaint => complaint.Rank == carrier && IsBlamed(complaint.Carrier));
            if (wrong == 0 && hadNothing) continue;
            if (IsBlamed(carrier))
            {
                _isDistrusted[carrier] = true;

                // Where its complaint stands alone nobody can tell whose fault it is: it carries no more, and is not named.
                if (wrong == 0 && hasComplained) continue;
                record.Add(new Blame(record.Step, carrier, ranks[carrier].Group, IsMost(wrong, behind) ? Fault.FalseWeights : Fault.NoAnswer));
                continue;
            }

            foreach ((int rank, _, HeadFlags flags) in complaints)
            {
                if (flags != HeadFlags.None) continue;
                if (carrier == 0) record.Add(new Blame(record.Step, rank, ranks[rank].Group, Fault.DamagedWeights));

                // One word against another: nobody is named, and from now on this rank has nobody but rank 0 to complain of.
                else _isServedFromHere[rank] = _isDistrusted[rank] = true;
            }
        }

        _complaints.Clear();

        bool IsBlamed(int carrier)
            => carrier != 0 && IsMost(_complaints.Count(complaint => complaint.Carrier == carrier), ranks.Count(rank => rank.Carrier == carrier));

        // Of all who know: those behind the carrier, and the carrier.
        static bool IsMost(int words, int behind) => 2 * words > behind + 1;
    }

    private bool IsRelay(Conversation rank)
        => reach[rank.Rank].Leader == rank.Rank && world.Nodes[rank.Rank] != world.Nodes[0] && !rank.Owes && !rank.IsAbsent && !rank.IsQuarantined && !_isDistrusted[rank.Rank];

    private void Tell(Conversation rank, bool alone = false)
    {
        int place = alone ? -1 : _relays.IndexOf(rank.Rank);
        Instruction proceed = Proceed(place > 0 ? _relays[Parent(place)] : alone ? 0 : CarrierOf(rank.Rank));
        if (rank.IsSpare && !alone) proceed.Head.Flags |= HeadFlags.Spare;
        if (place > 0) AddChildren(ref proceed, place);
        if (!rank.TrySay(proceed)) return;
        rank.Owe(Step);
        rank.HasWeightsFromHere = rank.AwaitsWeights = false;
        rank.Carrier = proceed.Carrier;

        // To whoever cannot read them here, and has nobody else who carries them.
        if (proceed.Carrier == 0 && !reach[rank.Rank].ReadsRoot) Send(rank.Rank);
    }

    private Instruction Proceed(int carrier) => new()
    {
        Head = new Head { Step = Step, Kind = _word, Ballot = _root },
        Xxh128 = _xxh128,
        Carrier = carrier,
        PatienceSeconds = (float)(patience.Whole.TotalSeconds / PatienceShare),
        HoldSeconds = (float)patience.Hold.TotalSeconds,
    };

    private int CarrierOf(int rank)
    {
        WeightsReach own = reach[rank];
        return own.ReadsRoot || !own.ReadsLeader || _isServedFromHere[rank] || !_relays.Contains(own.Leader) ? 0 : own.Leader;
    }

    private void Send(int rank)
    {
        // What this rank has not taken yet is in the way; it will ask.
        if (IsOnItsWay(rank)) return;
        List<Request> sends = _sending[rank];
        sends.Clear();
        for (int piece = 0; piece < _pieces.Count; piece++) sends.Add(world.ImmediateSend<byte>(_pieces.Message(Step, piece), rank, Tag.Weights));

        // Its own it takes after this.
        if (rank != world.Rank) _sentNow.Add(sends);
    }

    private bool IsOnItsWay(int rank) => !_sending[rank].TrueForAll(send => send.Test());

    /// <summary>Whether pieces of weights reach the last of some relays, rank 0 among them, sooner along a chain than down a binomial tree. In the time that one piece takes:
    /// along a chain the last one sets out when those before it have, and passes all relays; in the tree rank 0 sends each piece to each of its children.</summary>
    private static bool IsChainSooner(int relays, int pieces)
    {
        int children = BitOperations.Log2((uint)Math.Max(1, relays - 1)) + 1;
        return pieces + relays - 2 < pieces * children;
    }

    private int Parent(int place) => _isChain ? place - 1 : place & (place - 1);

    private void AddChildren(ref Instruction proceed, int place)
    {
        if (_isChain)
        {
            if (place + 1 < _relays.Count) proceed.AddChild(_relays[place + 1]);
            return;
        }

        // The largest part of the tree first.
        int lowest = place & -place, bit = 1;
        while (bit < lowest && place + bit < _relays.Count) bit <<= 1;
        for (bit >>= 1; bit > 0; bit >>= 1) proceed.AddChild(_relays[place + bit]);
    }
}

using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using Detox.Gpu.Digests;

namespace Detox.Mpi.Training;

/// <summary>Who dissents in a step, and at which parameter: asked all together, each answer examined as it comes.</summary>
internal sealed class Dissenters(BallotTree tree, StepRecord record)
{
    /// <summary>A rank that dissents in every step is asked in the first steps, and then ever more rarely.</summary>
    private const int AlwaysAsked = 8;

    private readonly int _digestBytes = tree.LeafBytes / tree.LeafCount;
    private readonly List<Case> _cases = [];

    /// <summary>Bytes of the longest answer, without its head.</summary>
    public int AnswerBytes { get; } = Math.Max(tree.LeafBytes, BallotTree.LeafFloats * sizeof(float));

    public void Clear() => _cases.Clear();

    /// <summary>Takes note of a rank whose ballot is not the verified one, and asks it for its leaves.</summary>
    public void Examine(Conversation rank, GroupRound round)
    {
        if (_cases.Exists(known => known.Rank == rank)) return;
        Case dissent = new(rank, round);
        _cases.Add(dissent);
        rank.DissentedIn = record.Step;
        int count = ++rank.Dissents;
        if (rank.LeavesQuestions(record.Step) || (count > AlwaysAsked && !BitOperations.IsPow2(count))) return;
        Ask(dissent, MessageKind.SendLeaves, 0);
    }

    /// <summary>Whether answers are waited for that may still come.</summary>
    public bool AreAwaited(TimeSpan limit) => Deadline(limit) > Stopwatch.GetTimestamp();

    /// <summary>When the last answer is no longer waited for; null where none is.</summary>
    public long? Deadline(TimeSpan limit)
    {
        long? last = null;
        foreach (Case dissent in _cases)
        {
            long until = dissent.Asked + (long)(limit.TotalSeconds * Stopwatch.Frequency);
            if (dissent.IsAsked && !(until <= last)) last = until;
        }

        return last;
    }

    /// <summary>An answer; false where it is none to what was asked.</summary>
    public bool Take(Conversation rank, MessageKind kind)
    {
        Case? dissent = _cases.Find(known => known.Rank == rank && known.IsAsked);
        bool fits = dissent is not null && (kind == MessageKind.Leaves
            ? rank.Asked == MessageKind.SendLeaves && rank.Body.Length == tree.LeafBytes
            : rank.Asked == MessageKind.SendLeaf && rank.Body.Length == LeafLength(dissent.First) * sizeof(float));
        if (!fits) return false;
        rank.Answered();
        dissent!.IsAsked = false;
        if (kind == MessageKind.Leaves) TakeLeaves(dissent);
        else TakeLeaf(dissent);
        return true;
    }

    /// <summary>The rank has sent something else.</summary>
    public void GiveUp(Conversation rank)
    {
        if (_cases.Find(known => known.Rank == rank) is { } dissent) dissent.IsAsked = false;
    }

    /// <summary>The step is over: writes down what is known of each dissenter.</summary>
    public void Close()
    {
        foreach (Case dissent in _cases)
        {
            record.Add(new Blame(
                record.Step, dissent.Rank.Rank, dissent.Rank.Group, dissent.HasLied ? Fault.FalseLeaves : Fault.Dissent,
                dissent.Differing, dissent.Index, dissent.Expected, dissent.Found));
        }
    }

    private void Ask(Case dissent, MessageKind question, int number)
    {
        dissent.Asked = Stopwatch.GetTimestamp();
        dissent.IsAsked = true;
        dissent.Rank.Ask(question, record.Step, number);
    }

    private int LeafLength(int leaf) => Math.Min(BallotTree.LeafFloats, tree.Length - (leaf * BallotTree.LeafFloats));

    private ReadOnlySpan<byte> Digest(ReadOnlySpan<byte> leaves, int leaf) => leaves.Slice(leaf * _digestBytes, _digestBytes);

    /// <summary>Leaves count only if they lead to the ballot that the rank has cast: else they could name any parameter. The ballot of a vector with a
    /// NaN stands for every such vector: of those, the rank's word is taken.</summary>
    private void TakeLeaves(Case dissent)
    {
        ReadOnlySpan<byte> leaves = dissent.Rank.Body;
        dissent.HasLied = !dissent.Rank.Ballot!.Value.IsInvalid && tree.RootOf(leaves) != dissent.Rank.Ballot;
        if (dissent.HasLied) return;
        for (int leaf = tree.LeafCount - 1; leaf >= 0; leaf--)
        {
            if (Digest(leaves, leaf).SequenceEqual(Digest(dissent.Round.Leaves, leaf))) continue;
            dissent.Differing++;
            dissent.First = leaf;
        }

        if (dissent.Differing == 0) return;
        dissent.FirstDigest = Digest(leaves, dissent.First).ToArray();
        Ask(dissent, MessageKind.SendLeaf, dissent.First);
    }

    private void TakeLeaf(Case dissent)
    {
        Span<byte> digest = stackalloc byte[_digestBytes];
        tree.HashLeaf(dissent.First, dissent.Rank.Body, digest);
        if (!digest.SequenceEqual(dissent.FirstDigest))
        {
            (dissent.HasLied, dissent.Differing) = (true, 0);
            return;
        }

        ReadOnlySpan<float> wrong = MemoryMarshal.Cast<byte, float>(dissent.Rank.Body);
        ReadOnlySpan<float> right = dissent.Round.Winner!.Floats.Slice(dissent.First * BallotTree.LeafFloats, wrong.Length);
        int offset = MemoryMarshal.AsBytes(right).CommonPrefixLength(MemoryMarshal.AsBytes(wrong)) / sizeof(float);
        dissent.Index = (dissent.First * BallotTree.LeafFloats) + offset;
        dissent.Expected = right[offset];
        dissent.Found = wrong[offset];
    }

    private sealed class Case(Conversation rank, GroupRound round)
    {
        public Conversation Rank { get; } = rank;

        public GroupRound Round { get; } = round;

        public bool IsAsked { get; set; }

        public long Asked { get; set; }

        public bool HasLied { get; set; }

        /// <summary>How many leaves differ.</summary>
        public int Differing { get; set; }

        /// <summary>The first of them.</summary>
        public int First { get; set; }

        public byte[] FirstDigest { get; set; } = [];

        public int Index { get; set; } = -1;

        public float Expected { get; set; }

        public float Found { get; set; }
    }
}

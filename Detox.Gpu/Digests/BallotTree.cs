using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Digests;

/// <summary>Makes the ballots of vectors of one length: the root of a tree of digests.</summary>
/// <remarks>A leaf is the digest of 1,024 floats as they lie in memory, little end first; the last leaf may be shorter. So the
/// leaves can be computed side by side, on any device, and where two ballots differ the leaves say which parameters do.
/// By BLAKE3 the ballot is the BLAKE3 of the vector's bytes, as b3sum would print it: that is a binary tree already, a leaf
/// is the chaining value of four of its chunks, and flags tell its nodes apart.
/// By the other hashes a node is the digest of up to 128 children's digests, one after another; levels follow until one digest is left. Nothing marks a leaf or a node as such, and nothing needs to: the length is the same for all ranks, so the place in the
/// tree and the number of bytes of everything that is hashed are fixed before anyone sends anything. Two vectors with one
/// root would give two inputs of one length, at one place, with one digest.</remarks>
public sealed class BallotTree
{
    public const int LeafFloats = 1024;
    public const int Children = 128;

    private readonly Device _device;
    private readonly byte[] _leaves;
    private readonly bool[] _areFinite;
    private readonly byte[] _nodes;

    /// <param name="length">Floats of every vector.</param>
    /// <param name="vectors">The most vectors of one <see cref="Compute(Rows, Span{Ballot})"/>.</param>
    public BallotTree(Device device, BallotKind kind, int length, int vectors = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        _device = device;
        Kind = kind;
        Length = length;
        LeafCount = (int)LeavesIn(length);
        LeafBytes = LeafCount * DigestBytes(kind);
        _leaves = new byte[checked(vectors * LeafBytes)];
        _areFinite = new bool[vectors];
        _nodes = new byte[kind == BallotKind.Blake3 ? LeafBytes : (LeafCount + Children - 1) / Children * DigestBytes(kind)];
    }

    public BallotKind Kind { get; }

    public int Length { get; }

    public int LeafCount { get; }

    /// <summary>Bytes of all leaves of a vector, each <see cref="DigestBytes"/> long.</summary>
    public int LeafBytes { get; }

    /// <summary>How many leaves so many floats have.</summary>
    public static long LeavesIn(long floats) => (floats + LeafFloats - 1) / LeafFloats;

    /// <summary>The leaves of a vector of the last ballots that were made.</summary>
    public ReadOnlySpan<byte> LeavesOf(int vector) => _leaves.AsSpan(vector * LeafBytes, LeafBytes);

    public static int DigestBytes(BallotKind kind) => kind switch
    {
        BallotKind.Blake3 or BallotKind.Sha256 => 32,
        BallotKind.Xxh128 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), $"There is no ballot of kind {kind}."),
    };

    /// <summary>The ballot of the vector; the invalid one where a float is NaN or infinite.</summary>
    public Ballot Compute(View vector)
    {
        Ballot ballot = default;
        Compute(new Rows(vector, [0], vector.Length), new Span<Ballot>(ref ballot));
        return ballot;
    }

    /// <summary>The ballot of each vector. A GPU is waited for once, for all of them.</summary>
    public void Compute(Rows vectors, Span<Ballot> ballots)
    {
        int n = vectors.Count;
        if (vectors.Width != Length) throw new ArgumentException($"A vector of {vectors.Width} floats where ballots are of {Length}.", nameof(vectors));
        if (n > _areFinite.Length) throw new ArgumentException($"{n} vectors where at most {_areFinite.Length} are hashed together.", nameof(vectors));
        _device.Run(new LeafDigests(Kind, vectors, _leaves.AsSpan(0, n * LeafBytes), _areFinite.AsSpan(0, n)));
        for (int i = 0; i < n; i++) ballots[i] = _areFinite[i] ? RootOf(LeavesOf(i)) : Ballot.Invalid;
    }

    /// <summary>The digest of one leaf's floats as they lie in memory.</summary>
    public void HashLeaf(int leaf, ReadOnlySpan<byte> floats, Span<byte> digest) => LeafDigests.Leaf(Kind, floats, leaf, LeafCount == 1, digest);

    /// <summary>Takes over the leaves of a vector whose ballot is known: they become those of the first vector of the last ballots.</summary>
    public void Take(ReadOnlySpan<byte> leaves) => leaves.CopyTo(_leaves);

    /// <summary>The ballot that these leaves lead to.</summary>
    public Ballot RootOf(ReadOnlySpan<byte> leaves)
    {
        if (leaves.Length != LeafBytes)
            throw new ArgumentException($"{leaves.Length} bytes of leaves where {LeafCount} leaves take {LeafBytes}.", nameof(leaves));
        if (Kind == BallotKind.Blake3) return Blake3RootOf(leaves);
        int digestBytes = DigestBytes(Kind);
        Span<byte> node = stackalloc byte[digestBytes];
        ReadOnlySpan<byte> level = leaves;
        while (level.Length > digestBytes)
        {
            int nodes = 0;
            for (int child = 0; child < level.Length; child += Children * digestBytes, nodes++)
            {
                // Above the first level a node takes the place of a child that has been read already.
                LeafDigests.Hash(Kind, level.Slice(child, Math.Min(Children * digestBytes, level.Length - child)), node);
                node.CopyTo(_nodes.AsSpan(nodes * digestBytes));
            }

            level = _nodes.AsSpan(0, nodes * digestBytes);
        }

        return Ballot.Of(level);
    }

    private Ballot Blake3RootOf(ReadOnlySpan<byte> leaves)
    {
        leaves.CopyTo(_nodes);
        Span<byte> root = stackalloc byte[Blake3.DigestBytes];
        Blake3Lanes.JoinAll(CpuDevice.WidestLanes, _nodes, LeafCount, isRoot: true, root);
        return Ballot.Of(root);
    }
}

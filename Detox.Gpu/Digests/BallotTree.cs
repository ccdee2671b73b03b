using Detox.Gpu.Devices;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Digests;

/// <summary>Makes the ballots of vectors of one length: the root of a tree of digests.</summary>
/// <remarks>A leaf is the digest of 1,024 floats as they lie in memory, little end first; the last leaf may be shorter. A
/// node is the digest of up to 128 children's digests, one after another; levels follow until one digest is left. So the
/// leaves can be computed side by side, on any device, and where two ballots differ the leaves say which parameters do.
/// Nothing marks a leaf or a node as such, and nothing needs to: the length is the same for all ranks, so the place in the
/// tree and the number of bytes of everything that is hashed are fixed before anyone sends anything. Two vectors with one
/// root would give two inputs of one length, at one place, with one digest.</remarks>
public sealed class BallotTree
{
    public const int LeafFloats = 1024;
    public const int Children = 128;

    private readonly Device _device;
    private readonly byte[] _leaves;
    private readonly byte[] _nodes;

    /// <param name="length">Floats of every vector.</param>
    public BallotTree(Device device, BallotKind kind, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        _device = device;
        Kind = kind;
        Length = length;
        LeafCount = (int)(((long)length + LeafFloats - 1) / LeafFloats);
        _leaves = new byte[LeafCount * DigestBytes(kind)];
        _nodes = new byte[(LeafCount + Children - 1) / Children * DigestBytes(kind)];
    }

    public BallotKind Kind { get; }

    public int Length { get; }

    public int LeafCount { get; }

    /// <summary>The leaves of the last <see cref="Compute"/>, each <see cref="DigestBytes"/> long.</summary>
    public ReadOnlySpan<byte> Leaves => _leaves;

    public static int DigestBytes(BallotKind kind) => kind switch
    {
        BallotKind.Sha256 => 32,
        BallotKind.Xxh128 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), $"There is no ballot of kind {kind}."),
    };

    /// <summary>The ballot of the vector; the invalid one where a float is NaN or infinite.</summary>
    public Ballot Compute(View vector)
    {
        if (vector.Length != Length)
            throw new ArgumentException($"A vector of {vector.Length} floats where ballots are of {Length}.", nameof(vector));
        bool isFinite = false;
        _device.Run(new LeafDigests(Kind, vector, _leaves, ref isFinite));
        return isFinite ? RootOf(_leaves) : Ballot.Invalid;
    }

    /// <summary>The digest of one leaf's floats as they lie in memory.</summary>
    public void HashLeaf(ReadOnlySpan<byte> floats, Span<byte> digest) => LeafDigests.Hash(Kind, floats, digest);

    /// <summary>The ballot that these leaves lead to.</summary>
    public Ballot RootOf(ReadOnlySpan<byte> leaves)
    {
        if (leaves.Length != _leaves.Length)
            throw new ArgumentException($"{leaves.Length} bytes of leaves where {LeafCount} leaves take {_leaves.Length}.", nameof(leaves));
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
}

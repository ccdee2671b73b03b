using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

/// <summary>Digests of each 1,024 floats of some vectors, the last of what is left of each, and whether all floats are finite.</summary>
/// <remarks>A float is its four bytes, little end first. SHA-256 (FIPS 180-4) gives 32 bytes; XXH128 with seed 0 gives 16
/// in its canonical order, high half first. BLAKE3 gives the 32 bytes of the chaining value that the leaf has in the tree of the whole
/// vector; a vector of one leaf is its root. Bit-exact. See <see cref="BallotTree"/>.</remarks>
/// <param name="leaves">One digest after another, those of each vector behind those of the one before.</param>
/// <param name="areFinite">Becomes, vector by vector, whether every float is finite.</param>
public readonly ref partial struct LeafDigests(BallotKind kind, Rows vectors, Span<byte> leaves, Span<bool> areFinite) : IOp
{
    internal const int LeafChunks = BallotTree.LeafFloats / Blake3.ChunkWords;

    public BallotKind Kind { get; } = kind;

    public Rows Vectors { get; } = vectors;

    public Span<byte> Leaves { get; } = leaves;

    public Span<bool> AreFinite { get; } = areFinite;

    public static bool Reference(BallotKind kind, ReadOnlySpan<float> vector, Span<byte> leaves)
    {
        int digestBytes = BallotTree.DigestBytes(kind);
        for (int leaf = 0; leaf * BallotTree.LeafFloats < vector.Length; leaf++)
        {
            int start = leaf * BallotTree.LeafFloats;
            ReadOnlySpan<float> floats = vector.Slice(start, Math.Min(BallotTree.LeafFloats, vector.Length - start));
            Leaf(kind, MemoryMarshal.AsBytes(floats), leaf, vector.Length <= BallotTree.LeafFloats, leaves.Slice(leaf * digestBytes, digestBytes));
        }

        foreach (float value in vector)
            if (!float.IsFinite(value))
                return false;
        return true;
    }

    /// <summary>The digest of one leaf's bytes.</summary>
    /// <param name="isOnly">Whether its vector has no other.</param>
    public static void Leaf(BallotKind kind, ReadOnlySpan<byte> bytes, int leaf, bool isOnly, Span<byte> digest)
    {
        if (kind == BallotKind.Blake3) Blake3.Tree(bytes, (uint)leaf * LeafChunks, isOnly, digest);
        else Hash(kind, bytes, digest);
    }

    /// <summary>SHA-256 or XXH128 of some bytes: what their place is does not matter, as it does in BLAKE3.</summary>
    public static void Hash(BallotKind kind, ReadOnlySpan<byte> bytes, Span<byte> digest)
    {
        switch (kind)
        {
            case BallotKind.Sha256: SHA256.HashData(bytes, digest); break;
            case BallotKind.Xxh128: XxHash128.Hash(bytes, digest); break;
            default: throw new ArgumentOutOfRangeException(nameof(kind), $"{kind} has no digest of bytes apart from their place.");
        }
    }

    public void Check()
    {
        long leaves = Vectors.Count * BallotTree.LeavesIn(Vectors.Width), bytes = leaves * BallotTree.DigestBytes(Kind);
        if (Leaves.Length != bytes) throw new ArgumentException($"leaves: {Leaves.Length} bytes where {leaves} digests take {bytes}.");
        if (AreFinite.Length != Vectors.Count) throw new ArgumentException($"areFinite: {AreFinite.Length} places for {Vectors.Count} vectors.");
    }

    public void Reference()
    {
        for (int i = 0; i < Vectors.Count; i++) AreFinite[i] = Reference(Kind, Vectors[i].Floats, LeavesOf(i));
    }

    private Span<byte> LeavesOf(int vector) => Leaves.Slice(vector * (Leaves.Length / Vectors.Count), Leaves.Length / Vectors.Count);
}

using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Detox.Gpu.Devices;
using Detox.Gpu.Digests;

namespace Detox.Gpu.Kernels;

/// <summary>Digests of each 1,024 floats of a vector, the last of what is left, and whether all floats are finite.</summary>
/// <remarks>A float is its four bytes, little end first. SHA-256 (FIPS 180-4) gives 32 bytes; XXH128 with seed 0 gives 16
/// in its canonical order, high half first. Bit-exact. See <see cref="BallotTree"/>.</remarks>
/// <param name="leaves">One digest after another.</param>
/// <param name="isFinite">Becomes whether every float of the vector is finite.</param>
public readonly ref partial struct LeafDigests(BallotKind kind, View vector, Span<byte> leaves, ref bool isFinite) : IOp
{
    private readonly ref bool _isFinite = ref isFinite;

    public BallotKind Kind { get; } = kind;

    public View Vector { get; } = vector;

    public Span<byte> Leaves { get; } = leaves;

    public static bool Reference(BallotKind kind, ReadOnlySpan<float> vector, Span<byte> leaves)
    {
        int digestBytes = BallotTree.DigestBytes(kind);
        for (int leaf = 0; leaf * BallotTree.LeafFloats < vector.Length; leaf++)
        {
            int start = leaf * BallotTree.LeafFloats;
            ReadOnlySpan<float> floats = vector.Slice(start, Math.Min(BallotTree.LeafFloats, vector.Length - start));
            Hash(kind, MemoryMarshal.AsBytes(floats), leaves.Slice(leaf * digestBytes, digestBytes));
        }

        foreach (float value in vector)
            if (!float.IsFinite(value))
                return false;
        return true;
    }

    public static void Hash(BallotKind kind, ReadOnlySpan<byte> bytes, Span<byte> digest)
    {
        if (kind == BallotKind.Sha256) SHA256.HashData(bytes, digest);
        else XxHash128.Hash(bytes, digest);
    }

    public void Check()
    {
        long count = (Vector.Length + BallotTree.LeafFloats - 1) / BallotTree.LeafFloats, bytes = count * BallotTree.DigestBytes(Kind);
        if (Leaves.Length != bytes) throw new ArgumentException($"leaves: {Leaves.Length} bytes where {count} digests take {bytes}.");
    }

    public void Reference() => _isFinite = Reference(Kind, Vector.Floats, Leaves);
}

using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Digests;

/// <summary>A vector in pieces, each of which can be checked by itself against the BLAKE3 of all: a piece's digest is the value of a node of that tree.</summary>
/// <remarks>A piece has a power of two of leaves, so that it is the whole of one subtree; the last one has what is left. The vector's digest follows from those of
/// its pieces. Where there is one piece only its digest is the vector's.</remarks>
public sealed class Blake3Pieces
{
    /// <summary>A mebibyte: long enough to be sent at full speed, short enough for the next one to be on its way while it is checked.</summary>
    public const int UsualLeaves = 256;

    /// <summary>No more digests than are short beside a piece.</summary>
    private const int MostPieces = 64;

    /// <summary>Bytes of a digest.</summary>
    public const int DigestBytes = Blake3.DigestBytes;

    private readonly byte[] _nodes;

    /// <param name="length">Floats of the vector.</param>
    /// <param name="leaves">Leaves of a piece, a power of two: at least these.</param>
    public Blake3Pieces(int length, int leaves = UsualLeaves)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        if (!int.IsPow2(leaves)) throw new ArgumentException($"A piece has a power of two of leaves; found {leaves}.", nameof(leaves));
        long all = BallotTree.LeavesIn(length);
        while ((all + leaves - 1) / leaves > MostPieces) leaves *= 2;
        Length = length;
        Leaves = leaves;
        Count = (int)((all + leaves - 1) / leaves);
        _nodes = new byte[Math.Max(Count, (int)Math.Min(all, leaves) * LeafDigests.LeafChunks) * Blake3.DigestBytes];
    }

    public int Length { get; }

    public int Count { get; }

    /// <summary>Bytes of all pieces' digests.</summary>
    public int DigestsBytes => Count * Blake3.DigestBytes;

    /// <summary>Floats of every piece but the last.</summary>
    public int PieceFloats => Leaves * BallotTree.LeafFloats;

    private int Leaves { get; }

    /// <summary>Floats of a piece.</summary>
    public int FloatsOf(int piece) => Math.Min(PieceFloats, Length - (piece * PieceFloats));

    /// <summary>The pieces' digests from those of the vector's leaves, as a <see cref="BallotTree"/> of kind BLAKE3 gives them.</summary>
    /// <param name="digests"><see cref="DigestsBytes"/> bytes.</param>
    public void Join(ReadOnlySpan<byte> leaves, Span<byte> digests)
    {
        for (int piece = 0; piece < Count; piece++)
        {
            ReadOnlySpan<byte> own = leaves[(piece * Leaves * Blake3.DigestBytes)..];
            if (own.Length > Leaves * Blake3.DigestBytes) own = own[..(Leaves * Blake3.DigestBytes)];
            own.CopyTo(_nodes);
            JoinPiece(own.Length / Blake3.DigestBytes, digests.Slice(piece * Blake3.DigestBytes, Blake3.DigestBytes));
        }
    }

    /// <summary>The vector's digest, to which these of its pieces lead.</summary>
    public Ballot RootOf(ReadOnlySpan<byte> digests)
    {
        if (digests.Length != DigestsBytes) throw new ArgumentException($"{digests.Length} bytes of digests where {Count} pieces take {DigestsBytes}.", nameof(digests));
        digests.CopyTo(_nodes);
        Span<byte> root = stackalloc byte[Blake3.DigestBytes];
        Blake3Lanes.JoinAll(CpuDevice.WidestLanes, _nodes, Count, isRoot: true, root);
        return Ballot.Of(root);
    }

    /// <summary>The digest of a piece's floats as they lie in memory.</summary>
    /// <param name="floats">At an address that four divides.</param>
    /// <param name="digest">32 bytes.</param>
    public unsafe void Hash(int piece, ReadOnlySpan<byte> floats, Span<byte> digest)
    {
        int words = FloatsOf(piece);
        if (floats.Length != words * sizeof(float)) throw new ArgumentException($"{floats.Length} bytes where piece {piece} has {words} floats.", nameof(floats));
        if (Length <= BallotTree.LeafFloats)
        {
            Blake3.Tree(floats, 0, isRoot: true, digest);
            return;
        }

        fixed (byte* from = floats, nodes = _nodes)
            Blake3Lanes.Chunks(CpuDevice.WidestLanes, (uint*)from, words, (uint)(piece * Leaves * LeafDigests.LeafChunks), (uint*)nodes);
        JoinPiece((words + Blake3.ChunkWords - 1) / Blake3.ChunkWords, digest);
    }

    private void JoinPiece(int count, Span<byte> digest) => Blake3Lanes.JoinAll(CpuDevice.WidestLanes, _nodes, count, isRoot: Count == 1, digest);
}

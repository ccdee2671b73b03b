using System.Runtime.InteropServices;
using Detox.Gpu.Digests;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>The weights of two steps as messages to other nodes: pieces, each of which is checked by itself and passed on while the next one comes.</summary>
/// <remarks>A message is a <see cref="Head"/>, whose <see cref="Head.Number"/> is the piece's, then the digests of all pieces, then the piece's floats. The digests lead to the
/// root that rank 0 has told, so a carrier that is lied to finds it out before it passes anything on. Weights of one piece come without digests.</remarks>
internal sealed class WeightsPieces
{
    private readonly Blake3Pieces _pieces;
    private readonly int _digestsBytes;
    private readonly int _stride;
    private readonly byte[][] _steps = [[], []];
    private readonly byte[] _known;
    private readonly byte[] _digest = new byte[Blake3Pieces.DigestBytes];
    private Ballot _knownRoot = Ballot.Invalid;

    /// <param name="floats">Of the weights.</param>
    /// <param name="leaves">At least so many leaves of the weights' tree make a piece.</param>
    public WeightsPieces(int floats, int leaves = Blake3Pieces.UsualLeaves)
    {
        _pieces = new Blake3Pieces(floats, leaves);
        _digestsBytes = Count == 1 ? 0 : _pieces.DigestsBytes;
        _known = new byte[_pieces.DigestsBytes];
        _stride = BytesOf(0);
    }

    public int Count => _pieces.Count;

    /// <summary>Bytes of a piece's message.</summary>
    public int BytesOf(int piece) => Head.Bytes + _digestsBytes + (_pieces.FloatsOf(piece) * sizeof(float));

    /// <summary>Where the message of a step's piece lies.</summary>
    public Memory<byte> Message(long step, int piece) => Memory(step).AsMemory(piece * _stride, BytesOf(piece));

    /// <summary>All messages of a step.</summary>
    public byte[] Memory(long step)
    {
        ref byte[] memory = ref _steps[step & 1];
        if (memory.Length == 0) memory = Allocate();
        return memory;
    }

    /// <summary>Takes other memory for a step, since messages may still be coming to what it had, and some pieces along.</summary>
    public void Renew(long step, ReadOnlySpan<bool> kept)
    {
        byte[] old = Memory(step), memory = _steps[step & 1] = Allocate();
        for (int piece = 0; piece < kept.Length; piece++)
            if (kept[piece]) old.AsSpan(piece * _stride, BytesOf(piece)).CopyTo(memory.AsSpan(piece * _stride));
    }

    /// <summary>Makes the messages of a step's weights.</summary>
    /// <param name="leaves">Of the weights' tree.</param>
    public void Write(long step, ReadOnlySpan<byte> weights, ReadOnlySpan<byte> leaves)
    {
        _pieces.Join(leaves, _known);
        _knownRoot = Ballot.Invalid;
        for (int piece = 0; piece < Count; piece++)
        {
            Span<byte> message = Message(step, piece).Span;
            Span<byte> floats = message[(Head.Bytes + _digestsBytes)..];
            MemoryMarshal.Write(message, new Head { Step = step, Kind = MessageKind.Weights, Number = piece, Length = message.Length - Head.Bytes });
            _known.AsSpan(0, _digestsBytes).CopyTo(message[Head.Bytes..]);
            weights.Slice(StartOf(piece), floats.Length).CopyTo(floats);
        }
    }

    /// <summary>The first byte of a piece among the weights'.</summary>
    public int StartOf(int piece) => piece * _pieces.PieceFloats * sizeof(float);

    /// <summary>The piece's part of the weights.</summary>
    public ReadOnlySpan<byte> Weights(long step, int piece) => Message(step, piece).Span[(Head.Bytes + _digestsBytes)..];

    /// <summary>Whether a message that has come is a step's piece, by its own word.</summary>
    public bool IsOf(long step, int piece)
    {
        Head head = MemoryMarshal.Read<Head>(Message(step, piece).Span);
        return head.Step == step && head.Kind == MessageKind.Weights && head.Number == piece;
    }

    /// <summary>Whether a piece is the one of the weights whose root rank 0 has told.</summary>
    public bool IsPromised(long step, int piece, Ballot root)
    {
        if (Count == 1)
        {
            _pieces.Hash(0, Weights(step, 0), _digest);
            return Ballot.Of(_digest) == root;
        }

        ReadOnlySpan<byte> digests = Message(step, piece).Span.Slice(Head.Bytes, _digestsBytes);
        if (_knownRoot != root || !digests.SequenceEqual(_known))
        {
            if (_pieces.RootOf(digests) != root) return false;
            digests.CopyTo(_known);
            _knownRoot = root;
        }

        _pieces.Hash(piece, Weights(step, piece), _digest);
        return digests.Slice(piece * Blake3Pieces.DigestBytes, Blake3Pieces.DigestBytes).SequenceEqual(_digest);
    }

    private byte[] Allocate() => GC.AllocateUninitializedArray<byte>(((Count - 1) * _stride) + BytesOf(Count - 1), pinned: true);
}

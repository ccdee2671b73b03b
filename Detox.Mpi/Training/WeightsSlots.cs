using System.Runtime.InteropServices;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>The weights of two steps on their way: those of a step stay while the next one's are written.</summary>
/// <remarks>A slot is a message, a <see cref="Head"/> and the model's floats, and lies on a board that the ranks of the node read. Who
/// reads an older step's slot finds other weights than it was promised, and asks rank 0.</remarks>
internal sealed class WeightsSlots : IDisposable
{
    private readonly Boards[] _boards;
    private readonly Memory<byte>[] _own;

    /// <summary>Collective.</summary>
    /// <param name="writes">Whether this rank hands weights to others.</param>
    public WeightsSlots(Communicator world, int floats, bool writes)
    {
        MessageBytes = Head.Bytes + (floats * sizeof(float));
        _boards = [world.OpenBoards(MessageBytes, writes), world.OpenBoards(MessageBytes, writes)];

        // Without boards the weights are sent from memory of this rank's own.
        _own = Array.ConvertAll(_boards, board => !writes ? default : board.Own.IsEmpty ? GC.AllocateArray<byte>(MessageBytes, pinned: true) : board.Own);
    }

    public int MessageBytes { get; }

    /// <summary>Whether this rank can read what another one, or it itself, has written.</summary>
    public bool CanRead(int rank) => !_boards[0].Of(rank).IsEmpty && !_boards[1].Of(rank).IsEmpty;

    /// <summary>The slot that this rank writes for a step.</summary>
    public Memory<byte> Message(long step) => _own[step & 1];

    /// <summary>Writes a step's weights.</summary>
    public void Write(long step, ReadOnlySpan<byte> weights)
    {
        Span<byte> slot = Message(step).Span;
        Head head = new() { Step = step, Kind = MessageKind.Weights, Length = weights.Length };
        weights.CopyTo(slot[Head.Bytes..]);

        // Whoever finds the head finds the weights behind it.
        Interlocked.MemoryBarrier();
        MemoryMarshal.Write(slot, in head);
        Interlocked.MemoryBarrier();
    }

    /// <summary>Whether another rank has written the weights of a step, by its own word.</summary>
    public bool IsWritten(int rank, long step)
    {
        Interlocked.MemoryBarrier();
        Head head = MemoryMarshal.Read<Head>(_boards[step & 1].Of(rank));
        Interlocked.MemoryBarrier();
        return head.Step == step && head.Kind == MessageKind.Weights;
    }

    /// <summary>The weights of a step, as another rank has written them.</summary>
    public ReadOnlySpan<byte> Of(int rank, long step) => _boards[step & 1].Of(rank)[Head.Bytes..];

    public void Dispose()
    {
        foreach (Boards board in _boards) board.Dispose();
    }
}

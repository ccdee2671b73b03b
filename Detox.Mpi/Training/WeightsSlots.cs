using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Mpi.Messaging;

namespace Detox.Mpi.Training;

/// <summary>The weights of two steps on their way: those of a step stay while the next one's are written.</summary>
/// <remarks>A slot is a message, a <see cref="Head"/> and the model's floats, and lies on a board that the ranks of the node read. Who
/// copies an older step's slot finds other weights than it was promised, and asks rank 0. Who computes with them where they lie looks at the head once more
/// when it has: it names the step for just as long as its weights are there.</remarks>
internal sealed class WeightsSlots : IDisposable
{
    private readonly Boards[] _boards;
    private readonly Memory<byte>[] _own;
    private readonly View?[] _roots = new View?[2];
    private readonly int _floats;

    /// <summary>Collective.</summary>
    /// <param name="writes">Whether this rank hands weights to others.</param>
    public WeightsSlots(Communicator world, int floats, bool writes)
    {
        _floats = floats;
        int bytes = Head.Bytes + (floats * sizeof(float));
        _boards = [world.OpenBoards(bytes, writes), world.OpenBoards(bytes, writes)];

        // Without boards nobody reads them.
        _own = Array.ConvertAll(_boards, board => !writes ? default : board.Own.IsEmpty ? GC.AllocateArray<byte>(bytes, pinned: true) : board.Own);
    }

    /// <summary>Whether this rank can read what another one, or it itself, has written.</summary>
    public bool CanRead(int rank) => !_boards[0].Of(rank).IsEmpty && !_boards[1].Of(rank).IsEmpty;

    /// <summary>The slot that this rank writes for a step.</summary>
    public Memory<byte> Message(long step) => _own[step & 1];

    /// <summary>Writes a step's weights.</summary>
    public void Write(long step, ReadOnlySpan<byte> weights)
    {
        Span<byte> slot = Message(step).Span;
        WriteHead(slot, new Head { Step = -1 });
        weights.CopyTo(slot[Head.Bytes..]);
        WriteHead(slot, new Head { Step = step, Kind = MessageKind.Weights, Length = weights.Length });
    }

    /// <summary>Whoever finds the head finds what was written before it, and not yet what is written after it.</summary>
    private static void WriteHead(Span<byte> slot, in Head head)
    {
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

    /// <summary>The weights of a step where rank 0 has written them, for a device that computes in the host's memory. It must not write there.</summary>
    public unsafe View AtRoot(long step)
    {
        if (_roots[step & 1] is { } known) return known;

        // A board never moves.
        fixed (byte* board = _boards[step & 1].Of(0))
        {
            View view = new CpuBuffer((float*)(board + Head.Bytes), _floats).All;
            _roots[step & 1] = view;
            return view;
        }
    }

    public void Dispose()
    {
        foreach (Boards board in _boards) board.Dispose();
    }
}

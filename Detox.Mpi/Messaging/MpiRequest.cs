using System.Buffers;

namespace Detox.Mpi.Messaging;

/// <summary>A message that was started, and the pin that keeps its memory in place.</summary>
internal sealed unsafe class MpiRequest : Request
{
    private readonly MpiProcess _process;
    private readonly int _rank;
    private readonly int _valueSize;
    private MemoryHandle _pin;
    private MpiTransfer _transfer;
    private bool _done;

    /// <param name="valueSize">The bytes in a value that is received; 0 for a send.</param>
    public MpiRequest(MpiCommunicator communicator, MemoryHandle pin, long length, int peer, int tag, int valueSize, bool quietly = false)
    {
        _rank = communicator.Rank;
        _process = communicator.Process;
        _pin = pin;
        _valueSize = valueSize;
        if (valueSize == 0) _transfer.Send(communicator, (byte*)pin.Pointer, length, peer, tag, quietly);
        else _transfer.Receive(communicator, (byte*)pin.Pointer, length, peer, tag);
        if (_transfer.NeedsLooks || (valueSize == 0 && communicator.IsNeighbour(peer) && !Test())) _process.Watch(this);
    }

    private protected override Doorbell Bell => _process.Bell;

    public override bool IsTooLong => _transfer.IsTooLong;

    public override int Values => _valueSize == 0 ? 0 : checked((int)(_transfer.Moved / _valueSize));

    public override bool Test()
    {
        if (_done) return true;
        if (!_transfer.Test()) return false;
        _pin.Dispose();
        return _done = true;
    }

    private protected override DetoxException TooLong() => _transfer.TooLong(_rank);
}

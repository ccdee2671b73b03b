using System.Buffers;

namespace Detox.Mpi.Messaging;

internal sealed class InProcessRequest(InProcessCommunicator communicator, InProcessMessage message, MemoryHandle pin, int valueSize) : Request
{
    private MemoryHandle _pin = pin;
    private bool _done;

    private protected override Doorbell Bell => communicator.OwnBell;

    public override bool IsTooLong => valueSize > 0 && message.TooLong;

    public override int Values => valueSize == 0 ? 0 : checked((int)(message.Moved / valueSize));

    public override bool Test()
    {
        if (_done) return true;
        if (!message.Done) return false;
        _pin.Dispose();
        _done = true;
        return true;
    }

    private protected override DetoxException TooLong() => communicator.TooLong(message);
}

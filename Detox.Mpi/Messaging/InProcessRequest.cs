namespace Detox.Mpi.Messaging;

internal sealed class InProcessRequest(InProcessCommunicator communicator, InProcessMessage message, int valueSize) : Request
{
    private protected override Doorbell Bell => communicator.OwnBell;

    public override bool IsTooLong => valueSize > 0 && message.TooLong;

    public override int Values => valueSize == 0 ? 0 : checked((int)(message.Moved / valueSize));

    public override bool Test() => message.Done;

    private protected override DetoxException TooLong() => communicator.TooLong(message);
}

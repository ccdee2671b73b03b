namespace Detox.Mpi.Messaging;

/// <summary>A message that is received into nothing.</summary>
internal sealed class MpiDrop(MpiProcess process, nint request, Action ring) : Request
{
    private nint _request = request;
    private bool _done;

    public override bool IsTooLong => false;

    public override int Values => 0;

    private protected override Doorbell Bell => process.Bell;

    public override bool Test()
    {
        if (_done) return true;
        _done = process.Library.Test(ref _request, out _, out _);

        // Its sender may wait for that, and a long message needs it awake.
        ring();
        return _done;
    }

    private protected override DetoxException TooLong() => throw new InvalidOperationException("nothing is too long to be dropped");
}

namespace Detox.Mpi.Messaging;

/// <summary>How a rank waits: it looks again at once, then yields its core, then sleeps briefly.</summary>
internal struct Patience
{
    private int _looks;

    public void Pause()
    {
        _looks++;
        if (_looks < 16) Thread.Yield();
        else Thread.Sleep(_looks < 64 ? 0 : 1);
    }
}

using System.Runtime.InteropServices;

namespace Detox.Mpi.Training;

/// <summary>The signals by which a scheduler or a person lets a run stop: SIGTERM, SIGUSR1 and SIGINT. The step at hand ends first.</summary>
/// <remarks>A second SIGINT is not held back, and ends the process at once. A process has one of these while it trains.</remarks>
internal sealed class StopSignals : IDisposable
{
    private const PosixSignal Usr1 = (PosixSignal)10;

    private readonly PosixSignalRegistration[] _registrations;
    private volatile bool _isWanted;
    private volatile bool _wasInterrupted;

    public StopSignals() => _registrations = [.. new[] { PosixSignal.SIGTERM, Usr1, PosixSignal.SIGINT }.Select(signal => PosixSignalRegistration.Create(signal, Take))];

    public bool IsWanted => _isWanted;

    /// <summary>As a signal would.</summary>
    public void Want() => _isWanted = true;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations) registration.Dispose();
    }

    private void Take(PosixSignalContext signal)
    {
        bool isSecondInterrupt = signal.Signal == PosixSignal.SIGINT && _wasInterrupted;
        if (signal.Signal == PosixSignal.SIGINT) _wasInterrupted = true;
        _isWanted = true;
        signal.Cancel = !isSecondInterrupt;
    }
}

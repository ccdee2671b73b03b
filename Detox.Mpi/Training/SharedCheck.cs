namespace Detox.Mpi.Training;

/// <summary>Whether rank 0 has written the weights that it promised, seen once for all ranks of a process: they read the same memory.</summary>
internal sealed class SharedCheck
{
    private readonly Lock _lock = new();
    private long _step = -1;
    private UInt128 _promised;
    private bool _holds;

    public bool IsPromised(WeightsSlots slots, in Instruction proceed)
    {
        lock (_lock)
        {
            if (_step == proceed.Head.Step && _promised == proceed.Xxh128) return _holds;
            _holds = WeightsTaker.IsPromised(slots, proceed);
            (_step, _promised) = (proceed.Head.Step, proceed.Xxh128);
            return _holds;
        }
    }
}

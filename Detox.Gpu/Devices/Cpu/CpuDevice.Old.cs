namespace Detox.Gpu.Devices.Cpu;

public sealed unsafe partial class CpuDevice
{
    internal int NetworkLanes
    {
        get => _fusingLanes;
        set => Lanes = value;
    }

    internal int PassLanes
    {
        get => _lanes;
        set => Lanes = value;
    }

    private static Span<float> Span(View view, long length)
        => view.Length == length ? new Span<float>(Pointer(view), checked((int)length)) : throw LengthMismatch(view.Length, length);

    private static ArgumentException LengthMismatch(long found, long expected)
        => new($"A view of {found} floats where {expected} are expected.");
}

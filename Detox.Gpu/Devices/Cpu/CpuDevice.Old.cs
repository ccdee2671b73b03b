using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

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

    private static void Grow<T>(ref T[] scratch, long length)
    {
        if (scratch.Length < length) scratch = GC.AllocateUninitializedArray<T>(checked((int)length), pinned: true);
    }

    // Only for pinned arrays.
    private static T* Address<T>(T[] pinned)
        where T : unmanaged
        => (T*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}

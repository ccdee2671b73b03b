using System.Runtime.InteropServices;

namespace Detox.Gpu.Devices.Cpu;

/// <summary>Floats outside the managed heap, aligned to a cache line: they never move, so pointers and MPI may keep them.</summary>
/// <remarks>The zeros of a large buffer are the system's own: a page that nobody writes to takes no memory.</remarks>
public sealed unsafe class CpuBuffer : DeviceBuffer
{
    private const int Alignment = 64;
    private readonly void* _allocated;
    private float* _data;

    public CpuBuffer(long length)
        : base(length)
    {
        nuint bytes = checked((nuint)Math.Max(length, 1) * sizeof(float));
        _allocated = NativeMemory.AllocZeroed(bytes + Alignment - 1);
        _data = (float*)(((nuint)_allocated + Alignment - 1) & ~(nuint)(Alignment - 1));
        GC.AddMemoryPressure((long)bytes);
    }

    /// <summary>Over memory that is somebody else's, who keeps it where it is.</summary>
    public CpuBuffer(float* memory, long length) : base(length) => _data = memory;

    ~CpuBuffer() => Free();

    public float* Pointer => _data != null ? _data : throw new ObjectDisposedException(nameof(CpuBuffer));

    internal Memory<float> Slice(long offset, long length) => new Window(this, offset, checked((int)length)).Memory;

    internal override Span<float> Floats(long offset, long length) => new(Pointer + offset, checked((int)length));

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_data == null) return;
        NativeMemory.Free(_allocated);
        if (_allocated != null) GC.RemoveMemoryPressure(Math.Max(Length, 1) * sizeof(float));
        _data = null;
    }

    private sealed class Window(CpuBuffer buffer, long offset, int length) : UnmovedMemory<float>
    {
        public override Span<float> GetSpan() => new(buffer.Pointer + offset, length);
    }
}

namespace Detox.Gpu.Devices.Cpu;

/// <summary>Floats outside the managed heap, aligned to a cache line: they never move, so pointers and MPI may keep them.</summary>
/// <remarks>The zeros of a large buffer are the system's own: a page that nobody writes to takes no memory.</remarks>
public sealed unsafe class CpuBuffer : DeviceBuffer
{
    private readonly BufferChunk? _chunk;
    private float* _data;

    public CpuBuffer(long length)
        : base(length)
    {
        nuint bytes = checked((nuint)Math.Max(length, 1) * sizeof(float));
        _chunk = BufferChunk.Allocate(bytes, out _data);
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
        _data = null;
        if (_chunk is null) return;
        _chunk.Free();
        GC.RemoveMemoryPressure(Math.Max(Length, 1) * sizeof(float));
    }

    private sealed class Window(CpuBuffer buffer, long offset, int length) : UnmovedMemory<float>
    {
        public override Span<float> GetSpan() => new(buffer.Pointer + offset, length);
    }
}

using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Memory of a thread of its own, kept from call to call.</summary>
internal static unsafe class ThreadScratch
{
    [ThreadStatic]
    private static CpuBuffer? _buffer;

    public static float* Floats(long length)
    {
        if (_buffer is null || _buffer.Length < length)
        {
            _buffer?.Dispose();
            _buffer = new CpuBuffer(length);
        }

        return _buffer.Pointer;
    }
}

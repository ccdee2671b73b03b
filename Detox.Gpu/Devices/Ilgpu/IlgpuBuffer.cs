using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>Floats in the memory of an ILGPU device.</summary>
internal sealed class IlgpuBuffer : DeviceBuffer
{
    private readonly Action<long> _released;
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _memory;

    /// <param name="released">Is told, once, how many bytes are free again.</param>
    public IlgpuBuffer(Accelerator accelerator, long length, Action<long> released)
        : base(length)
    {
        // No device has memory of no length.
        _memory = accelerator.Allocate1D<float>(Math.Max(1, length));
        _memory.MemSetToZero();
        _released = released;
    }

    public ArrayView<float> Slice(long offset, long length) => _memory.View.AsGeneral().BaseView.SubView(offset, length);

    public override void Dispose()
    {
        if (!_memory.IsDisposed) _released(_memory.LengthInBytes);
        _memory.Dispose();
    }
}

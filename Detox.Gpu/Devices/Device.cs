using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices;

/// <summary>A device that computes: memory, and <see cref="Run"/>.</summary>
/// <remarks>Every op writes the same bits on every device: those of its <see cref="IOp.Reference"/>. A device belongs to one thread
/// at a time. Ops run in the order of the calls; a read waits for them.</remarks>
public abstract class Device : IDisposable
{
    /// <summary>What a person calls it: "cpu (AVX2, 2 threads)".</summary>
    public abstract string Name { get; }

    /// <summary>A new buffer of zeros.</summary>
    public abstract DeviceBuffer Allocate(long length);

    /// <summary>Whether <see cref="HostMemory"/> may be called: the device's memory is the host's.</summary>
    public abstract bool SharesHostMemory { get; }

    /// <summary>The view's memory itself, where the device shares the host's. At most 2^31-1 floats.</summary>
    public abstract Memory<float> HostMemory(View view);

    /// <summary>Floats on the host that <see cref="Read"/> and <see cref="Write"/> move fastest: the device's driver has locked
    /// their pages where it can. They never move and live as long as the device. What <see cref="Write"/> takes from them may still be under way
    /// when it returns: it must stay as it is until the next <see cref="Read"/>.</summary>
    public abstract Memory<float> AllocateHost(int length);

    /// <summary>Bytes of the device's memory that its buffers take now.</summary>
    public abstract long AllocatedBytes { get; }

    /// <summary>What it has been asked for so far; nothing that counts where the host itself computes.</summary>
    public virtual DeviceWork Work => default;

    /// <summary>Copies from the host; the lengths must be equal.</summary>
    public abstract void Write(ReadOnlySpan<float> from, View to);

    /// <summary>Copies to the host after all ops so far; the lengths must be equal.</summary>
    public abstract void Read(View from, Span<float> to);

    /// <summary>Starts a <see cref="Read"/> and does not wait for it. The values are there when the host has waited for anything that was asked for later: the next
    /// <see cref="Read"/>, or the next op that has results for the host.</summary>
    /// <param name="to">Of <see cref="AllocateHost"/>.</param>
    public virtual void BeginRead(View from, Span<float> to) => Read(from, to);

    /// <summary>Copies within the device; the lengths must be equal and the views must not overlap.</summary>
    public abstract void Copy(View from, View to);

    /// <summary>Checks the operands and runs the op; on a GPU it may still be under way afterwards.</summary>
    public void Run<TOp>(in TOp op)
        where TOp : struct, IOp, allows ref struct
    {
        op.Check();

        // Asked here, since which ops a virtual call of a generic method meets is not seen by a compiler ahead of time.
        if (this is CpuDevice cpu) op.Run(cpu);
        else Execute(op);
    }

    public abstract void Dispose();

    protected abstract void Execute<TOp>(in TOp op)
        where TOp : struct, IOp, allows ref struct;
}

/// <summary>What a device was asked for: kernels started, waits of the host, bytes copied between host and device.</summary>
public readonly record struct DeviceWork(long Launches, long Waits, long BytesCopied)
{
    public static DeviceWork operator -(DeviceWork later, DeviceWork earlier)
        => new(later.Launches - earlier.Launches, later.Waits - earlier.Waits, later.BytesCopied - earlier.BytesCopied);
}

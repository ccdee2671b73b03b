using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

/// <summary>Copies between the host and a device, from and to page-locked memory only: a driver copies other memory twice, and waits.</summary>
/// <remarks>What is not page-locked passes through a ring that is. The ring begins anew when the device has been waited for.</remarks>
internal sealed class Transfers(Accelerator accelerator, AcceleratorStream stream) : IDisposable
{
    private const int RingBytes = 1 << 22;

    // Every place in the ring fits any type.
    private const int Alignment = 64;

    private readonly List<(nint Start, long Bytes, IDisposable Lock)> _locked = [];
    private byte[] _ring = [];
    private int _used;

    /// <summary>How often the host has waited for the device.</summary>
    public long Waits { get; private set; }

    public long BytesCopied { get; private set; }

    /// <summary>Page-locked floats of the host.</summary>
    public float[] AllocateHost(int length) => Locked<float>(length);

    /// <summary>The device has the values by the time it runs what is started next.</summary>
    public void ToDevice<T>(ReadOnlySpan<T> from, ArrayView<T> to)
        where T : unmanaged
    {
        BytesCopied += from.Length * (long)Unsafe.SizeOf<T>();
        if (IsLocked(from))
        {
            to.CopyFromCPUUnsafeAsync(stream, ref MemoryMarshal.GetReference(from), from.Length);
            return;
        }

        for (int at = 0, count; at < from.Length; at += count)
        {
            Span<T> part = Ring<T>(from.Length - at);
            count = part.Length;
            from.Slice(at, count).CopyTo(part);
            to.SubView(at, count).CopyFromCPUUnsafeAsync(stream, ref MemoryMarshal.GetReference(part), count);
        }
    }

    /// <summary>Waits for all that has been started, and has the values.</summary>
    public void ToHost<T>(ArrayView<T> from, Span<T> to)
        where T : unmanaged
    {
        BytesCopied += to.Length * (long)Unsafe.SizeOf<T>();
        if (IsLocked<T>(to) || to.IsEmpty)
        {
            if (!to.IsEmpty) from.CopyToCPUUnsafeAsync(stream, ref MemoryMarshal.GetReference(to), to.Length);
            Wait();
            return;
        }

        for (int at = 0, count; at < to.Length; at += count)
        {
            Span<T> part = Ring<T>(to.Length - at);
            count = part.Length;
            from.SubView(at, count).CopyToCPUUnsafeAsync(stream, ref MemoryMarshal.GetReference(part), count);
            Wait();
            part.CopyTo(to[at..]);
        }
    }

    public void Wait()
    {
        stream.Synchronize();
        _used = 0;
        Waits++;
    }

    public void Dispose()
    {
        foreach ((_, _, IDisposable pages) in _locked) pages.Dispose();
    }

    /// <summary>A place in the ring for as many values as there is room for, one at least.</summary>
    private Span<T> Ring<T>(int wanted)
        where T : unmanaged
    {
        if (_ring.Length == 0) _ring = Locked<byte>(RingBytes);
        int bytes = (int)Math.Min((long)wanted * Unsafe.SizeOf<T>(), RingBytes);
        if (_used + bytes > RingBytes) Wait();
        Span<T> place = MemoryMarshal.Cast<byte, T>(_ring.AsSpan(_used, bytes));
        _used = Math.Min(RingBytes, _used + ((bytes + Alignment - 1) & ~(Alignment - 1)));
        return place;
    }

    private unsafe T[] Locked<T>(int length)
        where T : unmanaged
    {
        T[] memory = GC.AllocateArray<T>(Math.Max(1, length), pinned: true);
        _locked.Add(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory)), memory.LongLength * sizeof(T), accelerator.CreatePageLockFromPinned(memory)));
        return memory;
    }

    private unsafe bool IsLocked<T>(ReadOnlySpan<T> memory)
        where T : unmanaged
    {
        // Only the address of memory that does not move can lie in a locked range.
        nint start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(memory));
        foreach ((nint first, long bytes, _) in _locked)
            if (start >= first && start + (memory.Length * (long)sizeof(T)) <= first + bytes) return true;
        return false;
    }
}

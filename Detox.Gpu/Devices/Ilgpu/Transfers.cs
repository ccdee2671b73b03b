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
    private readonly Dictionary<object, Array> _rooms = [];
    private byte[] _ring = [];
    private int _used;

    /// <summary>How often the host has waited for the device.</summary>
    public long Waits { get; private set; }

    public long BytesCopied { get; private set; }

    /// <summary>Page-locked memory of the host, which never moves.</summary>
    public unsafe T[] AllocateHost<T>(int length)
        where T : unmanaged
    {
        T[] memory = GC.AllocateArray<T>(Math.Max(1, length), pinned: true);
        _locked.Add(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory)), memory.LongLength * sizeof(T), accelerator.CreatePageLockFromPinned(memory)));
        return memory;
    }

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

    /// <summary>Page-locked memory for one purpose, at least so long; it holds what its last user left.</summary>
    public Span<T> Room<T>(Scratch<T> purpose, int length)
        where T : unmanaged
    {
        if (!_rooms.TryGetValue(purpose, out Array? kept) || kept.Length < length)
        {
            if (kept is not null) Unlock((T[])kept);
            _rooms[purpose] = kept = AllocateHost<T>(length);
        }

        return ((T[])kept).AsSpan(0, length);
    }

    /// <summary>Starts to copy to page-locked memory, which has the values when the device has been waited for.</summary>
    public void BeginToHost<T>(ArrayView<T> from, Span<T> to)
        where T : unmanaged
    {
        if (to.IsEmpty) return;
        if (!IsLocked<T>(to)) throw new ArgumentException("Only to page-locked memory can a copy be under way.", nameof(to));
        BytesCopied += to.Length * (long)Unsafe.SizeOf<T>();
        from.CopyToCPUUnsafeAsync(stream, ref MemoryMarshal.GetReference(to), to.Length);
    }

    /// <summary>Waits for all that has been started, and has the values.</summary>
    public void ToHost<T>(ArrayView<T> from, Span<T> to)
        where T : unmanaged
    {
        if (to.IsEmpty || IsLocked<T>(to))
        {
            BeginToHost(from, to);
            Wait();
            return;
        }

        BytesCopied += to.Length * (long)Unsafe.SizeOf<T>();
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
        if (_ring.Length == 0) _ring = AllocateHost<byte>(RingBytes);
        int bytes = (int)Math.Min((long)wanted * Unsafe.SizeOf<T>(), RingBytes);
        if (_used + bytes > RingBytes) Wait();
        Span<T> place = MemoryMarshal.Cast<byte, T>(_ring.AsSpan(_used, bytes));
        _used = Math.Min(RingBytes, _used + ((bytes + Alignment - 1) & ~(Alignment - 1)));
        return place;
    }

    private unsafe void Unlock<T>(T[] memory)
        where T : unmanaged
    {
        int at = _locked.FindIndex(locked => locked.Start == (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory)));
        _locked[at].Lock.Dispose();
        _locked.RemoveAt(at);
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

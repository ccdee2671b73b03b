using System.Runtime.InteropServices;

namespace Detox.Gpu.Devices.Cpu;

/// <summary>Memory of which several buffers are parts, in pages of 2 MiB where the system has some.</summary>
/// <remarks>A gradient walks through more memory than a processor's table of 4 KiB pages knows, and to look one up takes up to 24 reads under a hypervisor.
/// Few buffers are as long as a large page, so they lie one behind the other; a chunk goes when its last buffer does.</remarks>
internal sealed unsafe partial class BufferChunk
{
    private const nuint PageBytes = 2 << 20;
    private const nuint UsualBytes = 16 * PageBytes;
    private const int Alignment = 64;

    private static readonly Lock _lock = new();
    private static BufferChunk? _open;

    private readonly byte* _memory;
    private readonly nuint _mapped;
    private nuint _room;
    private byte* _next;
    private int _buffers;

    private BufferChunk(nuint bytes)
    {
        _room = bytes;
        _mapped = bytes + PageBytes;
        _memory = Map(_mapped);
        _next = (byte*)(((nuint)_memory + PageBytes - 1) & ~(PageBytes - 1));

        // A hint: without large pages, or where they have run out, these are the usual ones.
        const int hugePages = 14;
        if (OperatingSystem.IsLinux()) _ = Advise(_next, bytes, hugePages);
    }

    /// <summary>Zeros, from the start of a cache line.</summary>
    /// <exception cref="OutOfMemoryException">The system has no such memory.</exception>
    public static BufferChunk Allocate(nuint bytes, out float* memory)
    {
        bytes = checked(bytes + Alignment - 1) & ~(nuint)(Alignment - 1);
        lock (_lock)
        {
            BufferChunk chunk = _open is { } open && open._room >= bytes ? open : new BufferChunk(Math.Max(UsualBytes, bytes));
            memory = (float*)chunk._next;
            chunk._next += bytes;
            chunk._room -= bytes;
            chunk._buffers++;
            if (_open is null || chunk._room > _open._room) _open = chunk;
            return chunk;
        }
    }

    /// <summary>One of its buffers is no more.</summary>
    public void Free()
    {
        lock (_lock)
        {
            if (--_buffers > 0) return;
            if (_open == this) _open = null;
        }

        if (OperatingSystem.IsLinux()) _ = Unmap(_memory, _mapped);
        else NativeMemory.Free(_memory);
    }

    private static byte* Map(nuint bytes)
    {
        if (!OperatingSystem.IsLinux()) return (byte*)NativeMemory.AllocZeroed(bytes);
        const int readAndWrite = 3, privateAndAnonymous = 0x22;
        nint memory = Map(0, bytes, readAndWrite, privateAndAnonymous, -1, 0);
        return memory != -1 ? (byte*)memory : throw new OutOfMemoryException($"the system has no {bytes} bytes for buffers");
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint wish, nuint bytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* memory, nuint bytes);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(byte* memory, nuint bytes, int advice);
}

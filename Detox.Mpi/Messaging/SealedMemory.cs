using Detox.Gpu;

namespace Detox.Mpi.Messaging;

/// <summary>A file in memory that its maker maps for writing and then seals: nobody else can map it so, write to it or change its length,
/// whatever rights they have. Others open it through /proc.</summary>
/// <remarks>Linux 5.1 and later (F_SEAL_FUTURE_WRITE). A process that may trace its neighbours can write into their memory by other
/// ways; against those no memory is safe.</remarks>
internal sealed unsafe class SealedMemory : IDisposable
{
    private readonly long _length;
    private readonly bool _isWritable;
    private byte* _memory;

    private SealedMemory(byte* memory, long length, int file, bool isWritable)
    {
        _memory = memory;
        _length = length;
        _isWritable = isWritable;
        File = file;
    }

    /// <summary>The maker's number of the file; -1 at a reader, and once it is closed.</summary>
    public int File { get; private set; }

    public long Length => _length;

    /// <summary>For reading.</summary>
    public ReadOnlyMemory<byte> Memory => new Window(this).Memory;

    /// <summary>Where it is mapped; only its maker may write there.</summary>
    public byte* Address => _memory;

    public ReadOnlySpan<byte> Bytes => new(_memory, checked((int)_length));

    /// <summary>For its maker alone.</summary>
    public Memory<byte> Writable
        => _isWritable ? new Window(this).Memory : throw new InvalidOperationException("this memory is another rank's");

    /// <summary>Makes memory of zeros; null where this system has none that can be sealed.</summary>
    public static SealedMemory? TryCreate(long length)
    {
        int file = LibC.CreateMemoryFile("detox", length);
        if (file < 0) return null;
        byte* memory = LibC.Map(file, length, writable: true);
        if (memory != null && LibC.Seal(file)) return new SealedMemory(memory, length, file, isWritable: true);
        if (memory != null) LibC.Unmap(memory, length);
        LibC.Close(file);
        return null;
    }

    /// <summary>Opens another process's memory; null where it is not there, is shorter, or is not sealed.</summary>
    public static SealedMemory? TryOpen(int process, int file, long length)
    {
        int opened = LibC.OpenForReading($"/proc/{process}/fd/{file}");
        if (opened < 0) return null;
        byte* memory = LibC.IsSealed(opened) && LibC.LengthOf(opened) >= length ? LibC.Map(opened, length, writable: false) : null;
        LibC.Close(opened);
        return memory == null ? null : new SealedMemory(memory, length, -1, isWritable: false);
    }

    /// <summary>Makes memory of these parts, one after the other, that nobody can change any more, its maker included; null where this system has none.</summary>
    public static SealedMemory? TryFreeze(IReadOnlyList<ReadOnlyMemory<byte>> parts)
    {
        long length = parts.Sum(part => (long)part.Length);
        int file = length > int.MaxValue ? -1 : LibC.CreateMemoryFile("detox-data", length);
        if (file < 0) return null;
        byte* memory = LibC.Map(file, length, writable: true);
        if (memory != null)
        {
            Span<byte> rest = new(memory, (int)length);
            foreach (ReadOnlyMemory<byte> part in parts)
            {
                part.Span.CopyTo(rest);
                rest = rest[part.Length..];
            }

            // The seal takes no file that is still mapped for writing.
            LibC.Unmap(memory, length);
            memory = LibC.Freeze(file) ? LibC.Map(file, length, writable: false) : null;
        }

        if (memory != null) return new SealedMemory(memory, length, file, isWritable: false);
        LibC.Close(file);
        return null;
    }

    /// <summary>Opens what another process has made by <see cref="TryFreeze"/>; null where it is not there, has another length, or can be changed.</summary>
    public static SealedMemory? TryOpenFrozen(int process, int file, long length)
    {
        int opened = LibC.OpenForReading($"/proc/{process}/fd/{file}");
        if (opened < 0) return null;
        byte* memory = LibC.IsFrozen(opened) && LibC.LengthOf(opened) == length ? LibC.Map(opened, length, writable: false) : null;
        LibC.Close(opened);
        return memory == null ? null : new SealedMemory(memory, length, -1, isWritable: false);
    }

    /// <summary>Once all others have opened it. The memory stays.</summary>
    public void CloseFile()
    {
        if (File >= 0) LibC.Close(File);
        File = -1;
    }

    private sealed class Window(SealedMemory memory) : UnmovedMemory<byte>
    {
        public override Span<byte> GetSpan() => new(memory._memory, checked((int)memory._length));
    }

    public void Dispose()
    {
        if (_memory == null) return;
        LibC.Unmap(_memory, _length);
        CloseFile();
        _memory = null;
    }
}

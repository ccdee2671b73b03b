using System.Buffers;

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

    /// <summary>The maker's number of the file; -1 at a reader.</summary>
    public int File { get; }

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

    private sealed class Window(SealedMemory memory) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(memory._memory, checked((int)memory._length));

        public override MemoryHandle Pin(int elementIndex = 0) => new(memory._memory + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }

    public void Dispose()
    {
        if (_memory == null) return;
        LibC.Unmap(_memory, _length);
        if (File >= 0) LibC.Close(File);
        _memory = null;
    }
}

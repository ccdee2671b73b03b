using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Detox.Gpu;

/// <summary>Memory outside the managed heap, as <see cref="Memory{T}"/>: it never moves, and belongs to somebody else.</summary>
public abstract unsafe class UnmovedMemory<T> : MemoryManager<T>
    where T : unmanaged
{
    public override MemoryHandle Pin(int elementIndex = 0) => new((T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(GetSpan())) + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}

using System.Runtime.CompilerServices;

namespace Detox.Gpu.Devices;

/// <summary>float32 memory of one device. A device allocates it once; the ops take views of it.</summary>
public abstract class DeviceBuffer(long length) : IDisposable
{
    /// <summary>In floats.</summary>
    public long Length { get; } = length;

    /// <summary>The whole buffer.</summary>
    public View All => new(this, 0, Length);

    public abstract void Dispose();

    /// <summary>The floats themselves, where the host can touch them.</summary>
    internal virtual Span<float> Floats(long offset, long length) => throw new NotSupportedException("These floats lie in a device's own memory.");
}

/// <summary>A run of floats in a buffer of a device: what every op reads and writes.</summary>
public readonly record struct View(DeviceBuffer Buffer, long Offset, long Length)
{
    /// <summary>The floats themselves. Only where the host can touch them, and at most 2^31-1.</summary>
    internal Span<float> Floats => Buffer.Floats(Offset, Length);

    /// <summary>A part of this view; an error where it reaches beyond.</summary>
    public View Slice(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset + length > Length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"Floats {offset} to {offset + length} lie outside a view of {Length}.");
        return new View(Buffer, Offset + offset, length);
    }
}

internal static class ViewChecks
{
    /// <summary>An error that names the operand where it has another length.</summary>
    public static void Expect(this View view, long length, [CallerArgumentExpression(nameof(view))] string name = "")
    {
        if (view.Length != length) throw new ArgumentException($"{name}: a view of {view.Length} floats where {length} are expected.");
    }
}

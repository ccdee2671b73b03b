namespace Detox.Gpu.Devices;

/// <summary>float32 memory of one device. A device allocates it once; the ops take views of it.</summary>
public abstract class DeviceBuffer(long length) : IDisposable
{
    /// <summary>In floats.</summary>
    public long Length { get; } = length;

    /// <summary>The whole buffer.</summary>
    public View All => new(this, 0, Length);

    public abstract void Dispose();
}

/// <summary>A run of floats in a buffer of a device: what every op reads and writes.</summary>
public readonly record struct View(DeviceBuffer Buffer, long Offset, long Length)
{
    /// <summary>A part of this view; an error where it reaches beyond.</summary>
    public View Slice(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset + length > Length)
            throw new ArgumentOutOfRangeException(nameof(offset), $"Floats {offset} to {offset + length} lie outside a view of {Length}.");
        return new View(Buffer, Offset + offset, length);
    }
}

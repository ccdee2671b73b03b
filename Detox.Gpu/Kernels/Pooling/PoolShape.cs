namespace Detox.Gpu.Kernels;

/// <summary>The form of a pooling: windows side by side; rows and columns that fill no window are left out.</summary>
public readonly record struct PoolShape(int Height, int Width, int Channels, int Window)
{
    public int OutputHeight => Height / Window;

    public int OutputWidth => Width / Window;

    public int InputLength => Height * Width * Channels;

    public int OutputLength => OutputHeight * OutputWidth * Channels;

    internal void Check()
    {
        if (Window <= 0) throw new ArgumentException($"Window: {Window} where at least 1 is expected.");
    }
}

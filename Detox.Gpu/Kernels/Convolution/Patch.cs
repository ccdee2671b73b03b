namespace Detox.Gpu.Kernels;

/// <summary>Which pixel a tap of a position reads.</summary>
internal static class Patch
{
    /// <summary>The pixel's index in the image, or -1 in the padding.</summary>
    public static int Index(in ConvolutionShape shape, int position, int tap)
    {
        int channel = tap % shape.Channels, column = tap / shape.Channels % shape.Kernel, row = tap / shape.Channels / shape.Kernel;
        int y = (position / shape.OutputWidth * shape.Stride) + row - shape.Padding;
        int x = (position % shape.OutputWidth * shape.Stride) + column - shape.Padding;
        bool inside = y >= 0 && y < shape.Height && x >= 0 && x < shape.Width;
        return inside ? (((y * shape.Width) + x) * shape.Channels) + channel : -1;
    }

    public static float Pixel(in ConvolutionShape shape, ReadOnlySpan<float> image, int position, int tap)
    {
        int index = Index(shape, position, tap);
        return index < 0 ? 0 : image[index];
    }
}

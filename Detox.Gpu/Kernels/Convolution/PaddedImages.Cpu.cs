using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Images with their padding around them: a patch is then read where it lies.</summary>
internal static unsafe class PaddedImages
{
    private static readonly Scratch<float> _padded = new();

    /// <summary>The padded images; where there is no padding, the images themselves.</summary>
    public static float* Of(CpuDevice device, in ConvolutionShape shape, int samples, float* images)
    {
        if (shape.Padding == 0) return images;
        Pad pad = new() { Shape = shape, Images = images, Padded = device.Room(_padded, (long)samples * shape.PaddedLength) };
        device.Share(samples, ref pad);
        return pad.Padded;
    }

    /// <summary>One piece: one image with zeros around it.</summary>
    private struct Pad : IPieces
    {
        public ConvolutionShape Shape;
        public float* Images;
        public float* Padded;

        public readonly void Run(int piece)
        {
            float* from = Images + ((long)piece * Shape.InputLength);
            float* to = Padded + ((long)piece * Shape.PaddedLength);
            new Span<float>(to, Shape.PaddedLength).Clear();
            int line = Shape.Width * Shape.Channels;
            for (int y = 0; y < Shape.Height; y++)
            {
                long start = (((long)(y + Shape.Padding) * Shape.PaddedWidth) + Shape.Padding) * Shape.Channels;
                new ReadOnlySpan<float>(from + ((long)y * line), line).CopyTo(new Span<float>(to + start, line));
            }
        }
    }
}

namespace Detox.Gpu.Kernels;

/// <summary>The form of a convolution: images of height x width x channels, square kernels, zero padding on all sides.</summary>
/// <remarks>Images lie row by row, the channels of a pixel side by side; weights as [kernel row][kernel column][channel][output].
/// A fully connected layer is the convolution of a 1 x 1 image by a 1 x 1 kernel.</remarks>
public readonly record struct ConvolutionShape(int Height, int Width, int Channels, int Kernel, int Outputs, int Stride = 1, int Padding = 0)
{
    /// <summary>Pixels and positions are counted by ints, and a tile of a product reaches a little beyond the last one.</summary>
    private const int MostPixels = int.MaxValue - 1023;

    public int OutputHeight => ((Height + (2 * Padding) - Kernel) / Stride) + 1;

    public int OutputWidth => ((Width + (2 * Padding) - Kernel) / Stride) + 1;

    /// <summary>The products in one output: kernel x kernel x channels.</summary>
    public int Taps => Kernel * Kernel * Channels;

    public int InputLength => Height * Width * Channels;

    /// <summary>Output pixels of one image.</summary>
    public int Positions => OutputHeight * OutputWidth;

    public int OutputLength => Positions * Outputs;

    public int WeightLength => Taps * Outputs;

    /// <summary>Whether every output sees all of the image: a fully connected layer.</summary>
    internal bool IsDense => Positions == 1 && Padding == 0 && Taps == InputLength;

    /// <summary>Whether the convolution is defined by <see cref="Winograd"/>'s minimal filtering, which is so where that saves at least
    /// half of the products and the channels are enough to pay for its transforms.</summary>
    internal bool IsWinograd => Kernel == 3 && Stride == 1 && Padding <= 2 && Channels >= 16 && Outputs >= 16
        && 2 * Winograd.Places * Winograd.Tiles(this) <= Kernel * Kernel * Positions;

    internal int PaddedWidth => Width + (2 * Padding);

    internal int PaddedLength => (Height + (2 * Padding)) * PaddedWidth * Channels;

    /// <summary>A fully connected layer from <paramref name="inputs"/> to <paramref name="outputs"/> values.</summary>
    public static ConvolutionShape Linear(int inputs, int outputs) => new(1, 1, inputs, 1, outputs);

    /// <summary>An error where so many images have more pixels than an op counts.</summary>
    internal void ExpectCountable(int samples)
    {
        long pixels = (long)samples * Math.Max(Height * Width, Positions);
        if (pixels > MostPixels) throw new ArgumentException($"{samples} samples have {pixels} pixels where an op has at most {MostPixels}; take a smaller batch.", nameof(samples));
    }
}

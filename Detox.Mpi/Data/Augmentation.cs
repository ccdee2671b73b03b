using Detox.Gpu;

namespace Detox.Mpi.Data;

/// <summary>How training images are varied from epoch to epoch.</summary>
public enum Augment
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Shifted by up to four pixels and turned left to right, as is usual for CIFAR.</summary>
    Cifar,
}

/// <summary>Pads an image by four mirrored pixels, cuts a random window of its size, and flips every other one left to right.</summary>
/// <remarks>The mirror does not repeat the border: the pixel at -1 is the one at 1. A sample's window and flip depend on (seed, epoch,
/// index) alone, so that all replicas see the same pixels. Source: He, Zhang, Ren, Sun 2015, "Deep residual learning", section 4.2, with
/// the mirror in place of zeros.</remarks>
internal sealed class Augmentation
{
    public const int Padding = 4;

    private const ulong Purpose = 0x6175676D656E74; // "augment"

    private readonly ImageShape _shape;
    private readonly ulong _seed;

    public Augmentation(ImageShape shape, ulong seed)
    {
        if (shape.Height <= Padding || shape.Width <= Padding)
        {
            throw new DetoxException(ExitCode.Usage, $"--augment cifar: expected images of at least {Padding + 1} x {Padding + 1} pixels, found "
                + $"{shape.Height} x {shape.Width}. Take --augment none.");
        }
        (_shape, _seed) = (shape, seed);
    }

    /// <summary>Writes the variant of a sample that an epoch sees. image, varied: pixels of <see cref="ImageShape"/>, apart from each other.</summary>
    public void Apply(long epoch, int index, ReadOnlySpan<float> image, Span<float> varied)
    {
        var random = new SeededRandom(_seed, Purpose, (ulong)epoch, (ulong)index);
        int down = random.NextInt((2 * Padding) + 1) - Padding, right = random.NextInt((2 * Padding) + 1) - Padding;
        Cut(_shape, down, right, random.NextInt(2) == 1, image, varied);
    }

    /// <summary>The window that lies <paramref name="down"/> and <paramref name="right"/> of the image, then flipped or not.</summary>
    internal static void Cut(ImageShape shape, int down, int right, bool isFlipped, ReadOnlySpan<float> image, Span<float> varied)
    {
        int channels = shape.Channels, stride = shape.Width * channels;
        for (int row = 0; row < shape.Height; row++)
        {
            ReadOnlySpan<float> from = image.Slice(Mirror(row + down, shape.Height) * stride, stride);
            Span<float> to = varied.Slice(row * stride, stride);
            for (int column = 0; column < shape.Width; column++)
            {
                int source = Mirror((isFlipped ? shape.Width - 1 - column : column) + right, shape.Width) * channels;
                for (int c = 0; c < channels; c++) to[(column * channels) + c] = from[source + c];
            }
        }
    }

    private static int Mirror(int i, int length) => i < 0 ? -i : i >= length ? (2 * length) - 2 - i : i;
}

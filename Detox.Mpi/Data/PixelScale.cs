namespace Detox.Mpi.Data;

/// <summary>Turns bytes into network inputs, channel by channel: (x / 255 - mean) / deviation, from a table.</summary>
internal sealed class PixelScale
{
    /// <summary>For every one-channel set, so that a network sees one scale whatever it is trained on.</summary>
    /// <remarks>Source: mean and deviation of MNIST's 60,000 training images, as PyTorch's own MNIST example has them.</remarks>
    public static readonly PixelScale Grey = new((0.1307f, 0.3081f));

    /// <summary>Source: per-channel mean and deviation of CIFAR-10's 50,000 training images.</summary>
    public static readonly PixelScale Cifar10 = new((0.4914f, 0.2470f), (0.4822f, 0.2435f), (0.4465f, 0.2616f));

    /// <summary>Source: per-channel mean and deviation of CIFAR-100's 50,000 training images.</summary>
    public static readonly PixelScale Cifar100 = new((0.5071f, 0.2673f), (0.4865f, 0.2564f), (0.4409f, 0.2762f));

    /// <summary>Source: mean and deviation of the training images of <see cref="ObjectSet"/>, whose colours are alike.</summary>
    public static readonly PixelScale Objects = new((0.5f, 0.295f), (0.5f, 0.295f), (0.5f, 0.295f));

    private readonly float[] _table;

    private PixelScale(params (float Mean, float Deviation)[] channels)
    {
        Channels = channels.Length;
        _table = new float[256 * channels.Length];
        for (int c = 0; c < channels.Length; c++)
        {
            for (int x = 0; x < 256; x++) _table[(c * 256) + x] = ((x / 255f) - channels[c].Mean) / channels[c].Deviation;
        }
    }

    public int Channels { get; }

    /// <summary>bytes and pixels: the channels of a pixel side by side, equal lengths.</summary>
    public void Apply(ReadOnlySpan<byte> bytes, Span<float> pixels)
    {
        if (pixels.Length != bytes.Length)
            throw new ArgumentException($"expected room for {bytes.Length} pixels, found {pixels.Length}", nameof(pixels));
        for (int i = 0, table = 0; i < bytes.Length; i++)
        {
            pixels[i] = _table[table + bytes[i]];
            table += 256;
            if (table == _table.Length) table = 0;
        }
    }
}

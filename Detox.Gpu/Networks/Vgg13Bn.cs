namespace Detox.Gpu.Networks;

/// <summary>VGG-13 with batch normalisation and one linear layer behind it: 9,413,066 parameters for ten classes.</summary>
/// <remarks>Source: Simonyan, Zisserman 2015, "Very Deep Convolutional Networks", configuration B, in its form for CIFAR's images.</remarks>
internal static class Vgg13Bn
{
    public const int LeastSide = 32;

    public static LayerList Build(LayerList image, int classes)
    {
        image.Require("vgg13-bn", LeastSide);
        int number = 0;
        foreach (int channels in (ReadOnlySpan<int>)[64, 128, 256, 512, 512])
        {
            for (int i = 0; i < 2; i++)
                image.Convolution($"conv{++number}", 3, channels, padding: 1, bias: false).BatchNorm($"bn{number}", rectified: true);
            image.MaxPool(2);
        }

        return image.Linear("fc", classes);
    }
}

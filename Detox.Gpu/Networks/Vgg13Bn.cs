namespace Detox.Gpu.Networks;

/// <summary>VGG-13 with batch normalisation and one linear layer behind it: 9,413,066 parameters for ten classes.</summary>
/// <remarks>Names are those of torchvision, whose rectifiers and poolings count. Source: Simonyan, Zisserman 2015, "Very Deep Convolutional
/// Networks", configuration B, in its form for CIFAR's images.</remarks>
internal static class Vgg13Bn
{
    public const int LeastSide = 32;

    public static LayerList Build(LayerList image, int classes)
    {
        image.Require("vgg13-bn", LeastSide);
        int place = 0;
        foreach (int channels in (ReadOnlySpan<int>)[64, 128, 256, 512, 512])
        {
            for (int i = 0; i < 2; i++)
            {
                image.Convolution($"features.{place}", 3, channels, padding: 1, bias: false).BatchNorm($"features.{place + 1}", rectified: true);
                place += 3;
            }

            image.MaxPool(2);
            place++;
        }

        return image.Linear("classifier", classes);
    }
}

namespace Detox.Gpu.Networks;

/// <summary>ResNet-18 in its form for CIFAR's images: 11,173,962 parameters for ten classes.</summary>
/// <remarks>The stem is one 3 x 3 convolution, without pooling. Names are those of torchvision. Source: He, Zhang, Ren, Sun 2016, "Deep
/// Residual Learning for Image Recognition".</remarks>
internal static class ResNet18
{
    public const int LeastSide = 8;

    public static LayerList Build(LayerList image, int classes)
    {
        image.Require("resnet18", LeastSide).Convolution("conv1", 3, 64, padding: 1, bias: false).BatchNorm("bn1", rectified: true);
        foreach ((string stage, int channels, int stride) in (ReadOnlySpan<(string, int, int)>)[("layer1", 64, 1), ("layer2", 128, 2), ("layer3", 256, 2), ("layer4", 512, 2)])
        {
            Block(image, $"{stage}.0", channels, stride);
            Block(image, $"{stage}.1", channels, 1);
        }

        return image.AveragePool().Linear("fc", classes);
    }

    private static void Block(LayerList layers, string name, int channels, int stride)
    {
        Value input = layers.Current;
        Value shortcut = stride == 1 && input.Channels == channels ? input : layers
            .Convolution($"{name}.downsample.0", 1, channels, stride, bias: false).BatchNorm($"{name}.downsample.1").Current;
        layers.From(input)
            .Convolution($"{name}.conv1", 3, channels, stride, padding: 1, bias: false).BatchNorm($"{name}.bn1", rectified: true)
            .Convolution($"{name}.conv2", 3, channels, padding: 1, bias: false).BatchNorm($"{name}.bn2", rectified: true, shortcut);
    }
}

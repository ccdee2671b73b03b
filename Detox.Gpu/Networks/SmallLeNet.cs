namespace Detox.Gpu.Networks;

/// <summary>LeNet with 16 and 32 channels and one linear layer: 18,378 parameters on 28 x 28 grey images of ten classes, for experiments of many runs.</summary>
internal static class SmallLeNet
{
    public static LayerList Build(LayerList image, int classes) => image
        .Convolution("conv1", 5, 16).MaxPool(2).Relu()
        .Convolution("conv2", 5, 32).MaxPool(2).Relu()
        .Linear("fc", classes);
}

namespace Detox.Gpu.Networks;

/// <summary>LeNet with 20 and 50 channels: 431,080 parameters on 28 x 28 grey images of ten classes.</summary>
/// <remarks>After LeCun, Bottou, Bengio, Haffner 1998, in the form that Caffe made common.</remarks>
internal static class LeNet
{
    public static LayerList Build(LayerList image, int classes) => image
        .Convolution("conv1", 5, 20).MaxPool(2).Relu()
        .Convolution("conv2", 5, 50).MaxPool(2).Relu()
        .Linear("fc1", 500).Relu()
        .Linear("fc2", classes);
}

using Detox.Gpu.Devices;
using Detox.Gpu.Networks;

namespace Detox.Tests.Checkpoints;

/// <summary>One of everything that a model's state consists of, on images that are not square.</summary>
internal static class SmallNetwork
{
    public const string Model = "small";

    public static Network Create(Device device, int batch = 2)
        => new(Model, device, new LayerList(8, 6, 2).Convolution("conv1", 3, 4).BatchNorm("bn1", rectified: true).MaxPool(2).Linear("fc", 3), 3, batch);
}

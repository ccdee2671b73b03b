namespace Detox.Gpu.Networks;

/// <summary>One linear layer: the floor that a network has to beat.</summary>
internal static class SoftmaxRegression
{
    public static LayerList Build(LayerList image, int classes) => image.Linear("linear", classes);
}

using Detox.Gpu.Devices;

namespace Detox.Gpu.Networks;

/// <summary>A layer that has just run, forward or backward.</summary>
/// <param name="Flops">Multiplications and additions that its definition as a plain sum has; 0 where it has no products.</param>
public readonly record struct LayerPass(int Index, string Name, bool IsBackward, double Flops);

/// <summary>A tensor that a gradient has just written.</summary>
/// <param name="Op">What has written it: "convolution layer1.0.conv1 backward".</param>
/// <param name="Name">"gradient of the input".</param>
public readonly record struct WrittenTensor(string Op, string Name, View Values);

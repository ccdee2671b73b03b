using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices;

/// <summary>The ops of networks. Each op's formula, order of sums and NaN behaviour stand in its file under Kernels/.</summary>
public abstract partial class Device
{
    /// <summary>output = the largest value of each window of input.</summary>
    public abstract void MaxPoolForward(in PoolShape shape, int samples, View input, View output);

    /// <summary>inputGradient = the output's gradient where the largest values were. The output may have passed a rectifier since.</summary>
    public abstract void MaxPoolBackward(in PoolShape shape, int samples, View input, View output, View outputGradient, View inputGradient);

    /// <summary>loss (one float) = the mean cross-entropy of samples x classes logits; gradient = its gradient.</summary>
    public abstract void SoftmaxCrossEntropy(View logits, ReadOnlySpan<int> labels, int classes, View gradient, View loss);

    private protected static void Expect(View view, long length, string name)
    {
        if (view.Length != length) throw new ArgumentException($"{name}: a view of {view.Length} floats where {length} are expected.", name);
    }
}

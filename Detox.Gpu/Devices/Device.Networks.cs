using Detox.Gpu.Kernels;

namespace Detox.Gpu.Devices;

/// <summary>The ops of networks. Each op's formula, order of sums and NaN behaviour stand in its file under Kernels/.</summary>
public abstract partial class Device
{
    /// <summary>output (samples x positions x outputs) = the convolution of input (samples x height x width x channels) by weights, plus bias.</summary>
    /// <param name="bias">One float an output, or null.</param>
    public abstract void ConvolutionForward(in ConvolutionShape shape, int samples, View input, View weights, View? bias, View output);

    /// <summary>inputGradient = what the output's gradient means for the input.</summary>
    public abstract void ConvolutionBackwardInput(in ConvolutionShape shape, int samples, View outputGradient, View weights, View inputGradient);

    /// <summary>weightsGradient and, where it is given, biasGradient = what the output's gradient means for the weights and the bias.</summary>
    public abstract void ConvolutionBackwardWeights(
        in ConvolutionShape shape, int samples, View input, View outputGradient, View weightsGradient, View? biasGradient);

    /// <summary>result (m x n) = left (m x k) right (k x n).</summary>
    public abstract void MatrixMultiply(int m, int n, int k, View left, View right, View result);

    private protected static void Expect(View view, long length, string name)
    {
        if (view.Length != length) throw new ArgumentException($"{name}: a view of {view.Length} floats where {length} are expected.", name);
    }
}

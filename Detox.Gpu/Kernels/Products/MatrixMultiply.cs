using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>The product of two matrices, all row by row: result (m x n) = left (m x k) right (k x n).</summary>
/// <remarks>result[i][j] = the chain fma(left[i][l], right[l][j], sum) over ascending l from +0. Portable.</remarks>
public readonly record struct MatrixMultiply(int M, int N, int K, View Left, View Right, View Result) : IOp
{
    private ConvolutionForward Layer => new(ConvolutionShape.Linear(K, N), M, Left, Right, null, Result);

    public static void Reference(int m, int n, int k, ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> result)
        => ConvolutionForward.Reference(ConvolutionShape.Linear(k, n), m, left, right, [], result);

    public void Check()
    {
        Left.Expect((long)M * K);
        Right.Expect((long)K * N);
        Result.Expect((long)M * N);
    }

    public void Reference() => Reference(M, N, K, Left.Floats, Right.Floats, Result.Floats);

    public void Run(CpuDevice device) => device.Run(Layer);

    public void Run(IlgpuDevice device) => device.Run(Layer);
}

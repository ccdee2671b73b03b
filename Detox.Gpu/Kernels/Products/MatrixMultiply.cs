namespace Detox.Gpu.Kernels;

/// <summary>The product of two matrices, all row by row: result (m x n) = left (m x k) right (k x n).</summary>
/// <remarks>result[i][j] = the chain fma(left[i][l], right[l][j], sum) over ascending l from +0. Portable.</remarks>
internal static partial class MatrixMultiply
{
    public static void Reference(int m, int n, int k, ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> result)
        => ConvolutionForward.Reference(ConvolutionShape.Linear(k, n), m, left, right, [], result);
}

using Detox.Gpu.Digests;

namespace Detox.Gpu.Devices;

/// <summary>The passes over memory that all rules and ballots share.</summary>
public abstract partial class Device
{
    /// <summary>distances[i * n + j] = ||x_i - x_j||^2, symmetric, 0 on the diagonal, never NaN.</summary>
    /// <remarks>See <see cref="Kernels.PairwiseSquaredDistances"/>.</remarks>
    public abstract void PairwiseSquaredDistances(Rows rows, Span<double> distances);

    /// <summary>output = (sum over i of weights[i] x_i) / divisor; rows of weight 0 are not read.</summary>
    /// <remarks>See <see cref="Kernels.WeightedSum"/>. The output must not overlap the rows.</remarks>
    public abstract void WeightedSum(Rows rows, ReadOnlySpan<float> weights, float divisor, View output);

    /// <summary>output[j] = the median of column j.</summary>
    /// <remarks>See <see cref="Kernels.CoordinateMedian"/>. The output must not overlap the rows.</remarks>
    public abstract void CoordinateMedian(Rows rows, View output);

    /// <summary>output[j] = the mean of the <paramref name="keep"/> values of column j that are nearest to its median.</summary>
    /// <remarks>See <see cref="Kernels.MeanAroundMedian"/>. The output must not overlap the rows.</remarks>
    public abstract void MeanAroundMedian(Rows rows, int keep, View output);

    /// <summary>output[j] = +1, 0 or -1: the sign that more values of column j have.</summary>
    /// <remarks>See <see cref="Kernels.SignMajority"/>. The output must not overlap the rows.</remarks>
    public abstract void SignMajority(Rows rows, View output);

    /// <summary>Digests of each 1,024 floats of the vector (the last leaf may be shorter), one after another.</summary>
    /// <returns>Whether every float of the vector is finite.</returns>
    /// <remarks>See <see cref="BallotTree"/>.</remarks>
    public abstract bool LeafDigests(BallotKind kind, View vector, Span<byte> leaves);
}

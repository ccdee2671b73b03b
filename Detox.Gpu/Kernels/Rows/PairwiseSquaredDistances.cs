using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Squared Euclidean distances between all pairs of n rows: distances[i * n + j] = sum over k of (x_ik - x_jk)^2.</summary>
/// <remarks>rows: n vectors of one width. distances: n x n doubles, symmetric, +0 on the diagonal.
/// A distance that is not finite (a NaN or an infinity in a row, or an overflow) is +inf, never NaN.
/// The differences are summed themselves. The Gram matrix would be cheaper, but it cancels where one row is large or far
/// from zero, and which row is large is the attacker's choice.
/// Portable. Columns are cut in chunks of 4,096; column k of a chunk belongs to lane k mod 16; a lane is the chain
/// fma(difference, difference, lane) from +0 in float32; lanes are joined by halves (l with l + 8, then + 4, + 2, + 1);
/// chunk sums are added in ascending order in double within a segment of 4 chunks, and segments in ascending order.</remarks>
public readonly unsafe ref partial struct PairwiseSquaredDistances(Rows rows, Span<double> distances) : IOp, IVectorOp
{
    internal const int Lanes = 16;
    internal const int Chunk = 4096;
    internal const int Segment = 4 * Chunk;

    public Rows Rows { get; } = rows;

    public Span<double> Distances { get; } = distances;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, int width, Span<double> distances)
    {
        int n = offsets.Length;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = i == j ? 0 : Distance(memory.Slice((int)offsets[i], width), memory.Slice((int)offsets[j], width));
                distances[(i * n) + j] = double.IsFinite(sum) ? sum : double.PositiveInfinity;
            }
        }
    }

    public void Check()
    {
        long places = (long)Rows.Count * Rows.Count;
        if (Distances.Length != places) throw new ArgumentException($"distances: {Distances.Length} places where {Rows.Count} rows have {places}.");
    }

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, checked((int)Rows.Width), Distances);

    internal static double Distance(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        Span<float> lanes = stackalloc float[Lanes];
        double sum = 0;
        for (int segment = 0; segment < x.Length; segment += Segment)
        {
            double segmentSum = 0;
            int segmentEnd = Math.Min(segment + Segment, x.Length);
            for (int chunk = segment; chunk < segmentEnd; chunk += Chunk)
            {
                int chunkEnd = Math.Min(chunk + Chunk, x.Length);
                lanes.Clear();
                for (int k = chunk; k < chunkEnd; k++)
                {
                    float difference = x[k] - y[k];
                    ref float lane = ref lanes[(k - chunk) % Lanes];
                    lane = MathF.FusedMultiplyAdd(difference, difference, lane);
                }

                for (int half = Lanes / 2; half > 0; half /= 2)
                    for (int l = 0; l < half; l++)
                        lanes[l] += lanes[l + half];
                segmentSum += lanes[0];
            }

            sum += segmentSum;
        }

        return sum;
    }
}

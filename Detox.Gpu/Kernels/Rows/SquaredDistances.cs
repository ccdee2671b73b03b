using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Squared Euclidean distances of n rows from a point, or from the origin, which are their squared norms:
/// distances[i] = sum over k of (x_ik - point_k)^2.</summary>
/// <remarks>rows: n vectors of one width. point: one vector as wide; null is the origin. distances: n doubles.
/// Portable, and the same bits as <see cref="PairwiseSquaredDistances"/> has for a row that is the point. A distance that is not
/// finite is +inf, never NaN.</remarks>
public readonly unsafe ref partial struct SquaredDistances(Rows rows, View? point, Span<double> distances) : IOp, IVectorOp
{
    private const int Lanes = PairwiseSquaredDistances.Lanes;
    private const int Chunk = PairwiseSquaredDistances.Chunk;
    private const int Segment = PairwiseSquaredDistances.Segment;

    public Rows Rows { get; } = rows;

    public View? Point { get; } = point;

    public Span<double> Distances { get; } = distances;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, ReadOnlySpan<float> point, Span<double> distances)
    {
        for (int i = 0; i < offsets.Length; i++)
        {
            double sum = PairwiseSquaredDistances.Distance(memory.Slice((int)offsets[i], point.Length), point);
            distances[i] = double.IsFinite(sum) ? sum : double.PositiveInfinity;
        }
    }

    public void Check()
    {
        if (Distances.Length != Rows.Count) throw new ArgumentException($"distances: {Distances.Length} places for {Rows.Count} rows.");
        Point?.Expect(Rows.Width, nameof(Point));
    }

    public void Reference()
        => Reference(Rows.Memory.Floats, Rows.Offsets, Point is { } point ? point.Floats : new float[checked((int)Rows.Width)], Distances);

    public void Run(CpuDevice device)
    {
        Distances.Clear();
        if (Rows.Count > 0 && Rows.Width > 0) device.AtItsWidth(this);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class PairwiseSquaredDistances
{
    // Rows in a side of a register tile: nine sums, six rows and a difference fill sixteen registers.
    private const int Tile = 3;

    /// <summary>One piece: the sums of one segment of columns for all pairs i &lt; j, into its own n x n doubles.</summary>
    /// <remarks>A chunk of every row stays in the second-level cache while all pairs of tiles pass over it.</remarks>
    internal struct Cpu<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float** Rows;
        public int N;
        public long Width;
        public int FirstSegment;
        public double* Sums;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            int n = N;
            double* sums = Sums + ((long)piece * n * n);
            new Span<double>(sums, n * n).Clear();
            long begin = (long)(FirstSegment + piece) * Segment;
            long end = Math.Min(begin + Segment, Width);
            float** x = stackalloc float*[2 * Tile];
            float* lanes = stackalloc float[Tile * Tile * Lanes];
            for (long chunk = begin; chunk < end; chunk += Chunk)
            {
                int columns = (int)Math.Min(Chunk, end - chunk);
                for (int i = 0; i < n; i += Tile)
                {
                    for (int j = i; j < n; j += Tile)
                    {
                        // Beyond the last row the last row stands in; what it gives is not kept.
                        for (int t = 0; t < Tile; t++)
                        {
                            x[t] = Rows[Math.Min(i + t, n - 1)] + chunk;
                            x[Tile + t] = Rows[Math.Min(j + t, n - 1)] + chunk;
                        }

                        for (int lane = 0; lane < Lanes; lane += TLanes.Count)
                            SumTile<TLanes, V>(x, lane, columns / Lanes, lanes);
                        for (int a = 0; a < Tile && i + a < n; a++)
                            for (int b = i == j ? a + 1 : 0; b < Tile && j + b < n; b++)
                                sums[((i + a) * n) + j + b] += Join(lanes + (((a * Tile) + b) * Lanes), x[a], x[Tile + b], columns);
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SumTile<TLanes, V>(float** x, int lane, int steps, float* lanes)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        float* x0 = x[0] + lane, x1 = x[1] + lane, x2 = x[2] + lane;
        float* y0 = x[3] + lane, y1 = x[4] + lane, y2 = x[5] + lane;
        V s00 = TLanes.Zero, s01 = s00, s02 = s00, s10 = s00, s11 = s00, s12 = s00, s20 = s00, s21 = s00, s22 = s00;
        for (nint k = 0, end = (nint)steps * Lanes; k < end; k += Lanes)
        {
            V b0 = TLanes.Load(y0 + k), b1 = TLanes.Load(y1 + k), b2 = TLanes.Load(y2 + k);
            V a = TLanes.Load(x0 + k);
            V d = TLanes.Subtract(a, b0);
            s00 = TLanes.FusedMultiplyAdd(d, d, s00);
            d = TLanes.Subtract(a, b1);
            s01 = TLanes.FusedMultiplyAdd(d, d, s01);
            d = TLanes.Subtract(a, b2);
            s02 = TLanes.FusedMultiplyAdd(d, d, s02);
            a = TLanes.Load(x1 + k);
            d = TLanes.Subtract(a, b0);
            s10 = TLanes.FusedMultiplyAdd(d, d, s10);
            d = TLanes.Subtract(a, b1);
            s11 = TLanes.FusedMultiplyAdd(d, d, s11);
            d = TLanes.Subtract(a, b2);
            s12 = TLanes.FusedMultiplyAdd(d, d, s12);
            a = TLanes.Load(x2 + k);
            d = TLanes.Subtract(a, b0);
            s20 = TLanes.FusedMultiplyAdd(d, d, s20);
            d = TLanes.Subtract(a, b1);
            s21 = TLanes.FusedMultiplyAdd(d, d, s21);
            d = TLanes.Subtract(a, b2);
            s22 = TLanes.FusedMultiplyAdd(d, d, s22);
        }

        lanes += lane;
        TLanes.Store(s00, lanes);
        TLanes.Store(s01, lanes + Lanes);
        TLanes.Store(s02, lanes + (2 * Lanes));
        TLanes.Store(s10, lanes + (3 * Lanes));
        TLanes.Store(s11, lanes + (4 * Lanes));
        TLanes.Store(s12, lanes + (5 * Lanes));
        TLanes.Store(s20, lanes + (6 * Lanes));
        TLanes.Store(s21, lanes + (7 * Lanes));
        TLanes.Store(s22, lanes + (8 * Lanes));
    }

    // The columns after the last whole step, then the tree. Lanes without a column keep their sum, as fma(0, 0, sum) would.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Join(float* lanes, float* x, float* y, int columns)
    {
        for (int k = columns & -Lanes; k < columns; k++)
        {
            float difference = x[k] - y[k];
            lanes[k % Lanes] = MathF.FusedMultiplyAdd(difference, difference, lanes[k % Lanes]);
        }

        Vector128<float> low = Vector128.Load(lanes) + Vector128.Load(lanes + 8);
        Vector128<float> high = Vector128.Load(lanes + 4) + Vector128.Load(lanes + 12);
        Vector128<float> four = low + high;
        Vector128<float> two = four + Vector128.Shuffle(four, Vector128.Create(2, 3, 2, 3));
        return two.ToScalar() + two.GetElement(1);
    }
}

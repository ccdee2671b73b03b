using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct SquaredDistances
{
    // Rows that pass side by side: so many chains hide the time that one addition takes.
    private const int Side = 4;

    private static readonly Scratch<double> _segmentSums = new();

    // A chunk of the origin, which is every chunk of it.
    private static readonly Scratch<float> _origin = new();

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int n = Rows.Count, segments = CpuDevice.Blocks(Rows.Width, Segment);
        SegmentSums<TLanes, V> work = new()
        {
            Rows = Pass.Pointers(device, Rows),
            N = n,
            Point = CpuDevice.Pointer(Point),
            Origin = device.Room(_origin, Chunk),
            Width = Rows.Width,
            Sums = device.Room(_segmentSums, (long)segments * n),
        };
        device.Share(segments, ref work);
        for (int i = 0; i < n; i++)
        {
            double sum = 0;
            for (int segment = 0; segment < segments; segment++) sum += work.Sums[((long)segment * n) + i];
            Distances[i] = double.IsFinite(sum) ? sum : double.PositiveInfinity;
        }
    }

    // One piece: the sums of one segment of columns for all rows.
    private struct SegmentSums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float** Rows;
        public int N;
        public float* Point;
        public float* Origin;
        public long Width;
        public double* Sums;

        public readonly void Run(int piece)
        {
            double* sums = Sums + ((long)piece * N);
            new Span<double>(sums, N).Clear();
            long begin = (long)piece * Segment, end = Math.Min(begin + Segment, Width);
            for (int i = 0; i < N; i += Side)
                for (long chunk = begin; chunk < end; chunk += Chunk)
                    SumChunk(i, chunk, (int)Math.Min(Chunk, end - chunk), sums);
        }

        // Beyond the last row the last row stands in; what it gives is not kept.
        private readonly void SumChunk(int i, long begin, int columns, double* sums)
        {
            float* lanes = stackalloc float[Side * Lanes];
            float* point = Point == null ? Origin : Point + begin;
            float** x = stackalloc float*[Side];
            for (int s = 0; s < Side; s++) x[s] = Rows[Math.Min(i + s, N - 1)] + begin;
            nint whole = columns & -Lanes;
            for (int lane = 0; lane < Lanes; lane += TLanes.Count)
            {
                float* x0 = x[0] + lane, x1 = x[1] + lane, x2 = x[2] + lane, x3 = x[3] + lane, p = point + lane;
                V s0 = TLanes.Zero, s1 = TLanes.Zero, s2 = TLanes.Zero, s3 = TLanes.Zero;
                for (nint k = 0; k < whole; k += Lanes)
                {
                    V y = TLanes.Load(p + k), d = TLanes.Subtract(TLanes.Load(x0 + k), y);
                    s0 = TLanes.FusedMultiplyAdd(d, d, s0);
                    d = TLanes.Subtract(TLanes.Load(x1 + k), y);
                    s1 = TLanes.FusedMultiplyAdd(d, d, s1);
                    d = TLanes.Subtract(TLanes.Load(x2 + k), y);
                    s2 = TLanes.FusedMultiplyAdd(d, d, s2);
                    d = TLanes.Subtract(TLanes.Load(x3 + k), y);
                    s3 = TLanes.FusedMultiplyAdd(d, d, s3);
                }

                TLanes.Store(s0, lanes + lane);
                TLanes.Store(s1, lanes + Lanes + lane);
                TLanes.Store(s2, lanes + (2 * Lanes) + lane);
                TLanes.Store(s3, lanes + (3 * Lanes) + lane);
            }

            for (int s = 0; s < Side && i + s < N; s++)
            {
                float* own = lanes + (s * Lanes);
                for (nint k = whole; k < columns; k++)
                {
                    float difference = x[s][k] - point[k];
                    own[k - whole] = MathF.FusedMultiplyAdd(difference, difference, own[k - whole]);
                }

                sums[i + s] += PairwiseSquaredDistances.Join(own);
            }
        }
    }
}

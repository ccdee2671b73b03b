using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct BatchNormForward
{
    public void Run(CpuDevice device)
    {
        device.AtItsWidth(this);
        new BatchNormEvaluate(Channels, Input, Scale, Shift, Statistics, Addend, Output, Rectified).Run(device);
    }

    static bool IVectorOp.Fuses => true;

    /// <summary>The statistics.</summary>
    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows);
        float* means = CpuDevice.Pointer(Statistics), variances = means + Channels;
        Sums<TLanes, V> work = new()
        {
            Channels = Channels,
            Rows = rows,
            Input = CpuDevice.Pointer(Input),
            Totals = device.Room(BatchNorm.Sums, (long)chunks * Channels),
        };
        device.Share(chunks, ref work);
        BatchNorm.Join(Channels, chunks, work.Totals, means);
        for (int c = 0; c < Channels; c++) means[c] /= rows;
        work.Means = means;
        device.Share(chunks, ref work);
        BatchNorm.Join(Channels, chunks, work.Totals, variances);
        for (int c = 0; c < Channels; c++) variances[c] /= rows;
    }

    /// <summary>One piece: the sums of one chunk, of x or, where means are given, of the squared distances from them.</summary>
    private struct Sums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;

        /// <summary>Chunks x channels.</summary>
        public float* Totals;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            if (Means == null)
            {
                Plain<TLanes, V>(piece, 0, whole);
                Plain<Lanes32, float>(piece, whole, Channels);
                return;
            }

            Squares<TLanes, V>(piece, 0, whole);
            Squares<Lanes32, float>(piece, whole, Channels);
        }

        private readonly void Plain<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(BatchNorm.Chunk, Rows - ((long)chunk * BatchNorm.Chunk));
            float* first = Input + ((long)chunk * BatchNorm.Chunk * Channels), totals = Totals + ((long)chunk * Channels);
            for (; c <= end - (4 * L.Count); c += 4 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, s2 = s0, s3 = s0;
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    s0 = L.Add(s0, L.Load(x));
                    s1 = L.Add(s1, L.Load(x + L.Count));
                    s2 = L.Add(s2, L.Load(x + (2 * L.Count)));
                    s3 = L.Add(s3, L.Load(x + (3 * L.Count)));
                }

                L.Store(s0, totals + c);
                L.Store(s1, totals + c + L.Count);
                L.Store(s2, totals + c + (2 * L.Count));
                L.Store(s3, totals + c + (3 * L.Count));
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero;
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels) sum = L.Add(sum, L.Load(x));
                L.Store(sum, totals + c);
            }
        }

        private readonly void Squares<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(BatchNorm.Chunk, Rows - ((long)chunk * BatchNorm.Chunk));
            float* first = Input + ((long)chunk * BatchNorm.Chunk * Channels), totals = Totals + ((long)chunk * Channels);
            for (; c <= end - (4 * L.Count); c += 4 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, s2 = s0, s3 = s0;
                W m0 = L.Load(Means + c), m1 = L.Load(Means + c + L.Count), m2 = L.Load(Means + c + (2 * L.Count)), m3 = L.Load(Means + c + (3 * L.Count));
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    W d0 = L.Subtract(L.Load(x), m0), d1 = L.Subtract(L.Load(x + L.Count), m1);
                    W d2 = L.Subtract(L.Load(x + (2 * L.Count)), m2), d3 = L.Subtract(L.Load(x + (3 * L.Count)), m3);
                    s0 = L.FusedMultiplyAdd(d0, d0, s0);
                    s1 = L.FusedMultiplyAdd(d1, d1, s1);
                    s2 = L.FusedMultiplyAdd(d2, d2, s2);
                    s3 = L.FusedMultiplyAdd(d3, d3, s3);
                }

                L.Store(s0, totals + c);
                L.Store(s1, totals + c + L.Count);
                L.Store(s2, totals + c + (2 * L.Count));
                L.Store(s3, totals + c + (3 * L.Count));
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero, mean = L.Load(Means + c);
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    W distance = L.Subtract(L.Load(x), mean);
                    sum = L.FusedMultiplyAdd(distance, distance, sum);
                }

                L.Store(sum, totals + c);
            }
        }
    }
}

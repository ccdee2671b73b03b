using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct BatchNormBackward
{
    public void Run(CpuDevice device) => device.AtItsWidth(this);

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows);
        float* scales = CpuDevice.Pointer(Scale), means = CpuDevice.Pointer(Statistics), variances = means + Channels;
        float* scaleGradients = CpuDevice.Pointer(ScaleGradient), shiftGradients = CpuDevice.Pointer(ShiftGradient);
        float* factors = device.Room(BatchNorm.Sums, (3L + (2L * chunks)) * Channels), levels = factors + Channels, slopes = levels + Channels;
        BackwardSums<TLanes, V> sums = new()
        {
            Channels = Channels,
            Rows = rows,
            Input = CpuDevice.Pointer(Input),
            Means = means,
            Output = Rectified ? CpuDevice.Pointer(Output) : null,
            OutputGradient = CpuDevice.Pointer(OutputGradient),
            Totals = slopes + Channels,
            Moments = slopes + Channels + ((long)chunks * Channels),
        };
        device.Share(chunks, ref sums);
        BatchNorm.Join(Channels, chunks, sums.Totals, shiftGradients);
        BatchNorm.Join(Channels, chunks, sums.Moments, scaleGradients);
        for (int c = 0; c < Channels; c++)
        {
            Terms terms = new(shiftGradients[c], scaleGradients[c], scales[c], variances[c], rows);
            scaleGradients[c] = terms.ScaleGradient;
            factors[c] = terms.Factor;
            levels[c] = terms.Level;
            slopes[c] = terms.Slope;
        }

        if (InputGradient is not { } wanted) return;
        RowBlock<TLanes, V> work = new()
        {
            Channels = Channels,
            Rows = rows,
            Input = sums.Input,
            OutputGradient = sums.OutputGradient,
            Means = means,
            Factors = factors,
            Levels = levels,
            Slopes = slopes,
            InputGradient = CpuDevice.Pointer(wanted),
        };
        device.Share(CpuDevice.Blocks(rows, BatchNorm.Block), ref work);
    }

    /// <summary>One piece: one chunk's sums of the gradient, which is rectified first, and of its products with the distances from the mean.</summary>
    private struct BackwardSums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;

        /// <summary>Null where nothing was rectified.</summary>
        public float* Output;

        public float* OutputGradient;

        /// <summary>Chunks x channels, as are the moments.</summary>
        public float* Totals;

        public float* Moments;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Down<TLanes, V>(piece, 0, whole);
            Down<Lanes32, float>(piece, whole, Channels);
        }

        private readonly void Down<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(BatchNorm.Chunk, Rows - ((long)chunk * BatchNorm.Chunk));
            long first = (long)chunk * BatchNorm.Chunk * Channels, sums = (long)chunk * Channels;
            for (; c <= end - (2 * L.Count); c += 2 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, t0 = s0, t1 = s0, m0 = L.Load(Means + c), m1 = L.Load(Means + c + L.Count);
                long at = first + c;
                for (int p = 0; p < rows; p++, at += Channels)
                {
                    W g0 = L.Load(OutputGradient + at), g1 = L.Load(OutputGradient + at + L.Count);
                    if (Output != null)
                    {
                        g0 = L.WhereLess(L.Zero, L.Load(Output + at), g0, L.Zero);
                        g1 = L.WhereLess(L.Zero, L.Load(Output + at + L.Count), g1, L.Zero);
                        L.Store(g0, OutputGradient + at);
                        L.Store(g1, OutputGradient + at + L.Count);
                    }

                    s0 = L.Add(s0, g0);
                    s1 = L.Add(s1, g1);
                    t0 = L.FusedMultiplyAdd(g0, L.Subtract(L.Load(Input + at), m0), t0);
                    t1 = L.FusedMultiplyAdd(g1, L.Subtract(L.Load(Input + at + L.Count), m1), t1);
                }

                L.Store(s0, Totals + sums + c);
                L.Store(s1, Totals + sums + c + L.Count);
                L.Store(t0, Moments + sums + c);
                L.Store(t1, Moments + sums + c + L.Count);
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero, moment = sum, mean = L.Load(Means + c);
                long at = first + c;
                for (int p = 0; p < rows; p++, at += Channels)
                {
                    W g = L.Load(OutputGradient + at);
                    if (Output != null)
                    {
                        g = L.WhereLess(L.Zero, L.Load(Output + at), g, L.Zero);
                        L.Store(g, OutputGradient + at);
                    }

                    sum = L.Add(sum, g);
                    moment = L.FusedMultiplyAdd(g, L.Subtract(L.Load(Input + at), mean), moment);
                }

                L.Store(sum, Totals + sums + c);
                L.Store(moment, Moments + sums + c);
            }
        }
    }

    /// <summary>One piece: the input's gradient in one block of rows.</summary>
    private struct RowBlock<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* OutputGradient;
        public float* Means;
        public float* Factors;
        public float* Levels;
        public float* Slopes;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Columns<TLanes, V>(piece, 0, whole);
            Columns<Lanes32, float>(piece, whole, Channels);
        }

        private readonly void Columns<L, W>(int block, int first, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            if (first == end) return;
            long last = Math.Min((block + 1L) * BatchNorm.Block, Rows);
            for (long p = (long)block * BatchNorm.Block; p < last; p++)
            {
                long row = p * Channels;
                for (int c = first; c < end; c += L.Count)
                {
                    W g = L.Subtract(L.Load(OutputGradient + row + c), L.Load(Levels + c)), distance = L.Subtract(L.Load(Means + c), L.Load(Input + row + c));
                    W value = L.FusedMultiplyAdd(distance, L.Load(Slopes + c), g);
                    L.Store(L.Multiply(L.Load(Factors + c), value), InputGradient + row + c);
                }
            }
        }
    }
}

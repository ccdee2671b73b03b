using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct BatchNormEvaluate
{
    public void Run(CpuDevice device) => device.AtItsWidth(this);

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input);
        float* scales = CpuDevice.Pointer(Scale), means = CpuDevice.Pointer(Statistics), variances = means + Channels;
        RowBlock<TLanes, V> work = new()
        {
            Channels = Channels,
            Rows = rows,
            Input = CpuDevice.Pointer(Input),
            Means = means,
            Factors = device.Room(BatchNorm.Sums, Channels),
            Shifts = CpuDevice.Pointer(Shift),
            Addend = CpuDevice.Pointer(Addend),
            Output = CpuDevice.Pointer(Output),
            Rectified = Rectified,
        };
        for (int c = 0; c < Channels; c++) work.Factors[c] = BatchNorm.Factor(scales[c], variances[c]);
        device.Share(CpuDevice.Blocks(rows, BatchNorm.Block), ref work);
    }

    /// <summary>One piece: one block of rows.</summary>
    private struct RowBlock<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;
        public float* Factors;
        public float* Shifts;

        /// <summary>Null where nothing is added.</summary>
        public float* Addend;

        public float* Output;
        public bool Rectified;

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
                float* x = Input + (p * Channels), y = Output + (p * Channels), added = Addend + (p * Channels);
                for (int c = first; c < end; c += L.Count)
                {
                    W value = L.FusedMultiplyAdd(L.Subtract(L.Load(x + c), L.Load(Means + c)), L.Load(Factors + c), L.Load(Shifts + c));
                    if (Addend != null) value = L.Add(value, L.Load(added + c));
                    if (Rectified) value = L.WhereLess(value, L.Zero, L.Zero, value);
                    L.Store(value, y + c);
                }
            }
        }
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The majority of signs down each column: output[j] = sign(sum over i of sign(x_ij)), one of -1, +0, +1.</summary>
/// <remarks>A zero and a NaN have no vote; a tie gives +0. The output must not overlap the rows.
/// Bit-exact: counts of at most 2^24 rows are exact floats.
/// Source: Bernstein et al. 2019, "signSGD with majority vote is communication efficient and fault tolerant".</remarks>
public readonly unsafe ref struct SignMajority(Rows rows, View output) : IOp, IVectorOp
{
    static bool IVectorOp.Fuses => false;

    public Rows Rows { get; } = rows;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, Span<float> output)
    {
        for (int j = 0; j < output.Length; j++)
        {
            int sum = 0;
            foreach (long offset in offsets)
            {
                float value = memory[(int)offset + j];
                sum += value > 0 ? 1 : value < 0 ? -1 : 0;
            }

            output[j] = Math.Sign(sum);
        }
    }

    public void Check() => Pass.Check(Rows, Output);

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device) => device.Each(Output.Length, new Column(DeviceRows.Of(device, Rows), IlgpuDevice.Floats(Output)));

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Block<TLanes, V> blocks = new()
        {
            Rows = Pass.Pointers(device, Rows),
            N = Rows.Count,
            Output = CpuDevice.Pointer(Output),
            Width = Output.Length,
        };
        device.Share(CpuDevice.Blocks(Output.Length, Block<TLanes, V>.Columns), ref blocks);
    }

    private struct Block<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public const int Columns = 4096;

        public float** Rows;
        public int N;
        public float* Output;
        public long Width;

        // The counts wait in the output, in the first-level cache, while two rows at a time stream past: memory gives its
        // best to a few long streams, not to one a row.
        public readonly void Run(int piece)
        {
            long begin = (long)piece * Columns;
            nint count = (nint)(Math.Min(begin + Columns, Width) - begin);
            nint whole = count / TLanes.Count * TLanes.Count;
            float* o = Output + begin;
            for (int i = 0; i < N; i += 2)
            {
                float* x = Rows[i] + begin;
                float* y = i + 1 < N ? Rows[i + 1] + begin : null;
                for (nint j = 0; j < whole; j += TLanes.Count)
                {
                    V sum = TLanes.Sign(TLanes.Load(x + j));
                    if (i > 0) sum = TLanes.Add(sum, TLanes.Load(o + j));
                    if (y != null) sum = TLanes.Add(sum, TLanes.Sign(TLanes.Load(y + j)));
                    TLanes.Store(sum, o + j);
                }
            }

            for (nint j = 0; j < whole; j += TLanes.Count) TLanes.Store(TLanes.Sign(TLanes.Load(o + j)), o + j);
            for (nint j = whole; j < count; j++)
            {
                float sum = 0;
                for (int i = 0; i < N; i++) sum += Lanes32.Sign(Rows[i][begin + j]);
                o[j] = Lanes32.Sign(sum);
            }
        }
    }

    // One thread a column; neighbours read neighbouring floats.
    internal readonly struct Column(DeviceRows rows, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            int sum = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                float value = rows[i, j];
                if (Portable.Less(0, value)) sum++;
                if (Portable.Less(value, 0)) sum--;
            }

            float sign = 0;
            if (sum > 0) sign = 1;
            if (sum < 0) sign = -1;
            output[j] = sign;
        }
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A weighted sum of n rows: output[j] = (sum over i of weights[i] * x_ij) / divisor.</summary>
/// <remarks>A row whose weight is exactly 0 is not read, so a NaN in it is harmless; a NaN in any other row, or in a weight,
/// reaches the output. With weights of 1 and a divisor of n this is the mean: sums of the rows in order, then one division.
/// The output must not overlap the rows.
/// Portable: the chain fma(weights[i], x_ij, sum) over ascending i from +0, then one division. Every NaN is the same NaN.</remarks>
/// <param name="weights">One a row.</param>
public readonly unsafe ref struct WeightedSum(Rows rows, ReadOnlySpan<float> weights, float divisor, View output) : IOp, IVectorOp
{
    private static readonly Scratch<float> _weights = new();

    public Rows Rows { get; } = rows;

    public ReadOnlySpan<float> Weights { get; } = weights;

    public float Divisor { get; } = divisor;

    public View Output { get; } = output;

    public static void Reference(ReadOnlySpan<float> memory, ReadOnlySpan<long> offsets, ReadOnlySpan<float> weights, float divisor, Span<float> output)
    {
        for (int j = 0; j < output.Length; j++)
        {
            float sum = 0;
            for (int i = 0; i < offsets.Length; i++)
                if (weights[i] != 0)
                    sum = MathF.FusedMultiplyAdd(weights[i], memory[(int)offsets[i] + j], sum);
            output[j] = Order.CanonicalNaN(sum / divisor);
        }
    }

    public void Check()
    {
        Pass.Check(Rows, Output);
        if (Weights.Length != Rows.Count) throw new ArgumentException($"weights: {Weights.Length} of them for {Rows.Count} rows.");
    }

    public void Reference() => Reference(Rows.Memory.Floats, Rows.Offsets, Weights, Divisor, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Column(DeviceRows.Of(device, Rows), device.Upload(_weights, Weights), Divisor, IlgpuDevice.Floats(Output)));

    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Block<TLanes, V> blocks = new()
        {
            Rows = Pass.Pointers(device, Rows),
            Weights = device.Room(_weights, Rows.Count),
            Divisor = Divisor,
            Output = CpuDevice.Pointer(Output),
            Width = Output.Length,
            Pieces = CpuDevice.Blocks(Output.Length, Block<TLanes, V>.Columns),
        };
        for (int i = 0; i < Rows.Count; i++)
        {
            if (Weights[i] == 0) continue;
            blocks.Rows[blocks.N] = blocks.Rows[i];
            blocks.Weights[blocks.N++] = Weights[i];
        }

        device.Share(blocks.Pieces, ref blocks);
    }

    // The rows are those of weights other than 0. Blocks go from the last column to the first: a pass over the rows just
    // before this one went the other way, and what it read last is still in the cache.
    private struct Block<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public const int Columns = 8192;

        private const int Strip = 4096;

        public float** Rows;
        public float* Weights;
        public int N;
        public float Divisor;
        public float* Output;
        public long Width;
        public int Pieces;

        public readonly void Run(int piece)
        {
            long j = (long)(Pieces - 1 - piece) * Columns;
            long end = Math.Min(j + Columns, Width);
            if (N == 0)
            {
                new Span<float>(Output + j, (int)(end - j)).Fill(Order.CanonicalNaN(0 / Divisor));
                return;
            }

            long whole = j + ((end - j) / TLanes.Count * TLanes.Count);
            for (; j < whole; j = Math.Min(j + Strip, whole)) SumStrip(j, Math.Min(j + Strip, whole));
            for (; j < end; j++)
            {
                float sum = 0;
                for (int i = 0; i < N; i++) sum = MathF.FusedMultiplyAdd(Weights[i], Rows[i][j], sum);
                Output[j] = Order.CanonicalNaN(sum / Divisor);
            }
        }

        // The sums wait in the output, in the first-level cache, while four rows at a time stream past: memory gives its
        // best to a few long streams, not to one a row.
        private readonly void SumStrip(long begin, long end)
        {
            nint count = (nint)(end - begin);
            float* o = Output + begin;
            int i = 0;
            for (; i <= N - 4; i += 4)
            {
                float* x0 = Rows[i] + begin, x1 = Rows[i + 1] + begin, x2 = Rows[i + 2] + begin, x3 = Rows[i + 3] + begin;
                V w0 = TLanes.All(Weights[i]), w1 = TLanes.All(Weights[i + 1]), w2 = TLanes.All(Weights[i + 2]), w3 = TLanes.All(Weights[i + 3]);
                for (nint j = 0; j < count; j += TLanes.Count)
                {
                    V sum = i == 0 ? TLanes.Zero : TLanes.Load(o + j);
                    sum = TLanes.FusedMultiplyAdd(w0, TLanes.Load(x0 + j), sum);
                    sum = TLanes.FusedMultiplyAdd(w1, TLanes.Load(x1 + j), sum);
                    sum = TLanes.FusedMultiplyAdd(w2, TLanes.Load(x2 + j), sum);
                    sum = TLanes.FusedMultiplyAdd(w3, TLanes.Load(x3 + j), sum);
                    TLanes.Store(sum, o + j);
                }
            }

            for (; i < N; i++)
            {
                float* x = Rows[i] + begin;
                V w = TLanes.All(Weights[i]);
                for (nint j = 0; j < count; j += TLanes.Count)
                    TLanes.Store(TLanes.FusedMultiplyAdd(w, TLanes.Load(x + j), i == 0 ? TLanes.Zero : TLanes.Load(o + j)), o + j);
            }

            V divisor = TLanes.All(Divisor);
            for (nint j = 0; j < count; j += TLanes.Count)
                TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(TLanes.Load(o + j), divisor)), o + j);
        }
    }

    // One thread a column; neighbours read neighbouring floats.
    internal readonly struct Column(DeviceRows rows, ArrayView<float> weights, float divisor, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            float sum = 0;
            for (int i = 0; i < rows.Count; i++)
            {
                float weight = weights[i];
                if (!Portable.IsZero(weight)) sum = Portable.Fma(weight, rows[i, j], sum);
            }

            output[j] = Order.CanonicalNaN(Portable.Divide(sum, divisor));
        }
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class WeightedSum
{
    /// <summary>One piece: one block of columns. The rows are those of weights other than 0.</summary>
    /// <remarks>Blocks go from the last column to the first: a pass over the rows just before this one went the other
    /// way, and what it read last is still in the cache.</remarks>
    internal struct Cpu<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public const int Block = 8192;

        private const int Strip = 4096;

        public float** Rows;
        public float* Weights;
        public int N;
        public float Divisor;
        public float* Output;
        public long Width;
        public int Pieces;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long j = (long)(Pieces - 1 - piece) * Block;
            long end = Math.Min(j + Block, Width);
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
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
}

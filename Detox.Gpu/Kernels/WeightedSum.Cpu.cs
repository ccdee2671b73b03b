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

        // Floats.
        private const int Ahead = 128;

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
            V divisor = TLanes.All(Divisor);
            for (; j <= end - (4 * TLanes.Count); j += 4 * TLanes.Count)
            {
                V s0 = TLanes.Zero, s1 = s0, s2 = s0, s3 = s0;
                for (int i = 0; i < N; i++)
                {
                    V w = TLanes.All(Weights[i]);
                    float* x = Rows[i] + j;
                    Prefetch.Line(x + Ahead);
                    Prefetch.Line(x + Ahead + Prefetch.LineFloats);
                    s0 = TLanes.FusedMultiplyAdd(w, TLanes.Load(x), s0);
                    s1 = TLanes.FusedMultiplyAdd(w, TLanes.Load(x + TLanes.Count), s1);
                    s2 = TLanes.FusedMultiplyAdd(w, TLanes.Load(x + (2 * TLanes.Count)), s2);
                    s3 = TLanes.FusedMultiplyAdd(w, TLanes.Load(x + (3 * TLanes.Count)), s3);
                }

                float* o = Output + j;
                TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(s0, divisor)), o);
                TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(s1, divisor)), o + TLanes.Count);
                TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(s2, divisor)), o + (2 * TLanes.Count));
                TLanes.Store(TLanes.CanonicalNaN(TLanes.Divide(s3, divisor)), o + (3 * TLanes.Count));
            }

            for (; j < end; j++)
            {
                float sum = 0;
                for (int i = 0; i < N; i++) sum = MathF.FusedMultiplyAdd(Weights[i], Rows[i][j], sum);
                Output[j] = Order.CanonicalNaN(sum / Divisor);
            }
        }
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class SignMajority
{
    /// <summary>One piece: one block of columns.</summary>
    internal struct Cpu<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public const int Block = 8192;

        // Floats.
        private const int Ahead = 128;

        public float** Rows;
        public int N;
        public float* Output;
        public long Width;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long j = (long)piece * Block;
            long end = Math.Min(j + Block, Width);
            for (; j <= end - (2 * TLanes.Count); j += 2 * TLanes.Count)
            {
                V s0 = TLanes.Zero, s1 = s0;
                for (int i = 0; i < N; i++)
                {
                    float* x = Rows[i] + j;
                    Prefetch.Line(x + Ahead);
                    s0 = TLanes.Add(s0, TLanes.Sign(TLanes.Load(x)));
                    s1 = TLanes.Add(s1, TLanes.Sign(TLanes.Load(x + TLanes.Count)));
                }

                TLanes.Store(TLanes.Sign(s0), Output + j);
                TLanes.Store(TLanes.Sign(s1), Output + j + TLanes.Count);
            }

            for (; j < end; j++)
            {
                float sum = 0;
                for (int i = 0; i < N; i++) sum += Lanes32.Sign(Rows[i][j]);
                Output[j] = Lanes32.Sign(sum);
            }
        }
    }
}

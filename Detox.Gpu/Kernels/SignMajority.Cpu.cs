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
        public const int Block = 4096;

        public float** Rows;
        public int N;
        public float* Output;
        public long Width;

        // The counts wait in the output, in the first-level cache, while two rows at a time stream past: memory gives its
        // best to a few long streams, not to one a row.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long begin = (long)piece * Block;
            nint count = (nint)(Math.Min(begin + Block, Width) - begin);
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
}

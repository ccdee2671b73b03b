using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class Relu
{
    /// <summary>Floats in a piece.</summary>
    public const int Block = 16 * 1024;

    internal struct Forward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Values;
        public long Length;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long i = (long)piece * Block, end = Math.Min(i + Block, Length);
            for (; i <= end - TLanes.Count; i += TLanes.Count)
            {
                V x = TLanes.Load(Values + i);
                TLanes.Store(TLanes.WhereLess(x, TLanes.Zero, TLanes.Zero, x), Values + i);
            }

            for (; i < end; i++) Values[i] = Values[i] < 0 ? 0 : Values[i];
        }
    }

    internal struct Backward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Values;
        public float* Gradient;
        public long Length;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long i = (long)piece * Block, end = Math.Min(i + Block, Length);
            for (; i <= end - TLanes.Count; i += TLanes.Count)
                TLanes.Store(TLanes.WhereLess(TLanes.Zero, TLanes.Load(Values + i), TLanes.Load(Gradient + i), TLanes.Zero), Gradient + i);
            for (; i < end; i++) Gradient[i] = Values[i] > 0 ? Gradient[i] : 0;
        }
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class Addition
{
    /// <summary>Floats in a piece.</summary>
    public const int Block = 16 * 1024;

    internal struct Cpu<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public float* Left;
        public float* Right;
        public float* Output;
        public long Length;
        public bool Rectified;

        public readonly void Run(int piece)
        {
            long first = (long)piece * Block, end = Math.Min(first + Block, Length), whole = first + ((end - first) / TLanes.Count * TLanes.Count);
            Add<TLanes, V>(first, whole);
            Add<Lanes32, float>(whole, end);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Add<L, W>(long i, long end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            for (; i < end; i += L.Count)
            {
                W sum = L.Add(L.Load(Left + i), L.Load(Right + i));
                if (Rectified) sum = L.WhereLess(sum, L.Zero, L.Zero, sum);
                L.Store(sum, Output + i);
            }
        }
    }
}

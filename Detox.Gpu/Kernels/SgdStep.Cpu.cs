using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class SgdStep
{
    /// <summary>One piece: one block of parameters.</summary>
    internal struct Cpu<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public const int Block = 16 * 1024;

        public float* Weights;
        public float* Velocity;
        public float* Gradient;
        public long Length;
        public float Rate;
        public float Momentum;
        public float Decay;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            long i = (long)piece * Block, end = Math.Min(i + Block, Length);
            V down = TLanes.All(-Rate), momentum = TLanes.All(Momentum), decay = TLanes.All(Decay);
            for (; i <= end - TLanes.Count; i += TLanes.Count)
            {
                V w = TLanes.Load(Weights + i);
                V v = TLanes.FusedMultiplyAdd(momentum, TLanes.Load(Velocity + i), TLanes.FusedMultiplyAdd(decay, w, TLanes.Load(Gradient + i)));
                TLanes.Store(v, Velocity + i);
                TLanes.Store(TLanes.FusedMultiplyAdd(down, v, w), Weights + i);
            }

            for (; i < end; i++)
            {
                float v = MathF.FusedMultiplyAdd(Momentum, Velocity[i], MathF.FusedMultiplyAdd(Decay, Weights[i], Gradient[i]));
                Velocity[i] = v;
                Weights[i] = MathF.FusedMultiplyAdd(-Rate, v, Weights[i]);
            }
        }
    }
}

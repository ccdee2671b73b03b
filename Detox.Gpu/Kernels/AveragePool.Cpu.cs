using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class AveragePool
{
    /// <summary>One piece: one image.</summary>
    internal struct Forward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Positions;
        public int Channels;
        public float* Input;
        public float* Output;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Image<TLanes, V>(piece, 0, whole);
            Image<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Image<L, W>(int sample, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            W positions = L.All(Positions);
            for (; c < end; c += L.Count)
            {
                float* x = Input + ((long)sample * Positions * Channels) + c;
                W sum = L.Zero;
                for (int p = 0; p < Positions; p++, x += Channels) sum = L.Add(sum, L.Load(x));
                L.Store(L.Divide(sum, positions), Output + ((long)sample * Channels) + c);
            }
        }
    }

    /// <summary>One piece: one image.</summary>
    internal struct Backward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Positions;
        public int Channels;
        public float* OutputGradient;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Image<TLanes, V>(piece, 0, whole);
            Image<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Image<L, W>(int sample, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            W positions = L.All(Positions);
            for (; c < end; c += L.Count)
            {
                W share = L.Divide(L.Load(OutputGradient + ((long)sample * Channels) + c), positions);
                float* to = InputGradient + ((long)sample * Positions * Channels) + c;
                for (int p = 0; p < Positions; p++, to += Channels) L.Store(share, to);
            }
        }
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class MaxPool
{
    /// <summary>One piece: one image.</summary>
    internal struct Forward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public PoolShape Shape;
        public float* Input;
        public float* Output;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window;
            float* to = Output + ((long)piece * Shape.OutputLength);
            for (int y = 0; y < Shape.OutputHeight; y++)
            {
                float* from = Input + ((long)piece * Shape.InputLength) + ((long)y * window * line);
                for (int x = 0; x < Shape.OutputWidth; x++, from += window * channels, to += channels)
                {
                    int c = 0;
                    for (; c <= channels - TLanes.Count; c += TLanes.Count)
                    {
                        V best = TLanes.Load(from + c);
                        for (int row = 0; row < window; row++)
                        {
                            for (int column = row == 0 ? 1 : 0; column < window; column++)
                            {
                                V value = TLanes.Load(from + (row * line) + (column * channels) + c);
                                best = TLanes.WhereLess(best, value, value, best);
                            }
                        }

                        TLanes.Store(best, to + c);
                    }

                    for (; c < channels; c++)
                    {
                        float best = from[c];
                        for (int row = 0; row < window; row++)
                        {
                            for (int column = 0; column < window; column++)
                            {
                                float value = from[(row * line) + (column * channels) + c];
                                best = best < value ? value : best;
                            }
                        }

                        to[c] = best;
                    }
                }
            }
        }
    }

    /// <summary>One piece: one image.</summary>
    internal struct Backward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public PoolShape Shape;
        public float* Input;
        public float* Output;
        public float* OutputGradient;
        public float* InputGradient;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window;
            long outputStart = (long)piece * Shape.OutputLength, inputStart = (long)piece * Shape.InputLength;
            if (Shape.Height % window != 0 || Shape.Width % window != 0) new Span<float>(InputGradient + inputStart, Shape.InputLength).Clear();
            for (int y = 0; y < Shape.OutputHeight; y++)
            {
                for (int x = 0; x < Shape.OutputWidth; x++)
                {
                    long corner = inputStart + ((long)y * window * line) + ((long)x * window * channels);
                    long at = outputStart + ((((long)y * Shape.OutputWidth) + x) * channels);
                    int c = 0;
                    for (; c <= channels - TLanes.Count; c += TLanes.Count)
                    {
                        V largest = TLanes.Load(Output + at + c), left = TLanes.Load(OutputGradient + at + c);
                        for (int row = 0; row < window; row++)
                        {
                            for (int column = 0; column < window; column++)
                            {
                                long index = corner + (row * line) + (column * channels) + c;
                                V value = TLanes.Load(Input + index);
                                TLanes.Store(TLanes.WhereLess(value, largest, TLanes.Zero, left), InputGradient + index);
                                left = TLanes.WhereLess(value, largest, left, TLanes.Zero);
                            }
                        }
                    }

                    for (; c < channels; c++)
                    {
                        float largest = Output[at + c], left = OutputGradient[at + c];
                        for (int row = 0; row < window; row++)
                        {
                            for (int column = 0; column < window; column++)
                            {
                                long index = corner + (row * line) + (column * channels) + c;
                                bool below = Input[index] < largest;
                                InputGradient[index] = below ? 0 : left;
                                left = below ? left : 0;
                            }
                        }
                    }
                }
            }
        }
    }
}

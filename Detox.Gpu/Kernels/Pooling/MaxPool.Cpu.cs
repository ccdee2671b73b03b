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

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window, taps = window * window;
            int* tap = stackalloc int[taps];
            Taps(Shape, tap);
            float* to = Output + ((long)piece * Shape.OutputLength);
            for (int y = 0; y < Shape.OutputHeight; y++)
            {
                float* from = Input + ((long)piece * Shape.InputLength) + ((long)y * window * line);
                for (int x = 0; x < Shape.OutputWidth; x++, from += window * channels, to += channels)
                {
                    for (int c = 0; c < channels;)
                    {
                        if (channels < TLanes.Count)
                        {
                            float largest = from[c];
                            for (int t = 1; t < taps; t++) largest = largest < from[tap[t] + c] ? from[tap[t] + c] : largest;
                            to[c++] = largest;
                            continue;
                        }

                        V best = TLanes.Load(from + c);
                        for (int t = 1; t < taps; t++)
                        {
                            V value = TLanes.Load(from + tap[t] + c);
                            best = TLanes.WhereLess(best, value, value, best);
                        }

                        TLanes.Store(best, to + c);
                        c = Next<TLanes, V>(c, channels);
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

        [SkipLocalsInit]
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window, taps = window * window;
            int* tap = stackalloc int[taps];
            Taps(Shape, tap);
            long inputStart = (long)piece * Shape.InputLength;
            float* output = Output + ((long)piece * Shape.OutputLength);
            float* outputGradient = OutputGradient + ((long)piece * Shape.OutputLength);
            if (Shape.Height % window != 0 || Shape.Width % window != 0) new Span<float>(InputGradient + inputStart, Shape.InputLength).Clear();
            for (int y = 0; y < Shape.OutputHeight; y++)
            {
                long corner = inputStart + ((long)y * window * line);
                for (int x = 0; x < Shape.OutputWidth; x++, corner += window * channels, output += channels, outputGradient += channels)
                {
                    float* input = Input + corner;
                    float* inputGradient = InputGradient + corner;
                    for (int c = 0; c < channels;)
                    {
                        if (channels < TLanes.Count)
                        {
                            float most = output[c], rest = outputGradient[c];
                            for (int t = 0; t < taps; t++)
                            {
                                bool below = input[tap[t] + c] < most;
                                inputGradient[tap[t] + c] = below ? 0 : rest;
                                rest = below ? rest : 0;
                            }

                            c++;
                            continue;
                        }

                        V largest = TLanes.Load(output + c), left = TLanes.Load(outputGradient + c);
                        for (int t = 0; t < taps; t++)
                        {
                            V value = TLanes.Load(input + tap[t] + c);
                            TLanes.Store(TLanes.WhereLess(value, largest, TLanes.Zero, left), inputGradient + tap[t] + c);
                            left = TLanes.WhereLess(value, largest, left, TLanes.Zero);
                        }

                        c = Next<TLanes, V>(c, channels);
                    }
                }
            }
        }
    }

    /// <summary>Where a window's inputs lie behind its first one, row by row.</summary>
    private static void Taps(in PoolShape shape, int* taps)
    {
        for (int row = 0; row < shape.Window; row++)
            for (int column = 0; column < shape.Window; column++)
                taps[(row * shape.Window) + column] = ((row * shape.Width) + column) * shape.Channels;
    }

    /// <summary>The next vector of channels: the last one overlaps the one before it, whose results it finds again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Next<TLanes, V>(int channel, int channels)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        int next = channel + TLanes.Count;
        return next >= channels ? channels : Math.Min(next, channels - TLanes.Count);
    }
}

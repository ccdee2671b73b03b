using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The largest value of each window, channel by channel.</summary>
/// <remarks>input: samples x height x width x channels; output: samples x windows x channels. The first value of the window, row by row, and
/// then every one that is larger; so a NaN stays only where it comes first. Portable.</remarks>
public readonly unsafe record struct MaxPoolForward(PoolShape Shape, int Samples, View Input, View Output) : IOp, IVectorOp
{
    static bool IVectorOp.Fuses => false;

    public static void Reference(in PoolShape shape, int samples, ReadOnlySpan<float> input, Span<float> output)
    {
        for (int at = 0; at < samples * shape.OutputLength; at++)
        {
            int corner = (int)MaxPool.Corner(shape, at);
            float best = input[corner];
            for (int tap = 1; tap < shape.Window * shape.Window; tap++)
            {
                float x = input[corner + MaxPool.Tap(shape, tap)];
                best = best < x ? x : best;
            }

            output[at] = best;
        }
    }

    public void Check()
    {
        Shape.Check();
        Input.Expect((long)Samples * Shape.InputLength);
        Output.Expect((long)Samples * Shape.OutputLength);
    }

    public void Reference() => Reference(Shape, Samples, Input.Floats, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device)
    {
        PoolWindows windows = new(Shape, Shape.OutputHeight, Shape.OutputWidth);
        device.Launch(windows.Groups(Samples), new Windows(Shape, windows, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(Output)));
    }

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Image<TLanes, V> images = new() { Shape = Shape, Input = CpuDevice.Pointer(Input), Output = CpuDevice.Pointer(Output) };
        device.Share(Samples, ref images);
    }

    /// <summary>One piece: one image.</summary>
    private struct Image<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public PoolShape Shape;
        public float* Input;
        public float* Output;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window, taps = window * window;
            int* tap = stackalloc int[taps];
            MaxPool.Taps(Shape, tap);
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
                        c = MaxPool.Next<TLanes, V>(c, channels);
                    }
                }
            }
        }
    }

    // One thread an output: neighbours read neighbouring channels.
    internal readonly struct Windows(PoolShape shape, PoolWindows windows, ArrayView<float> input, ArrayView<float> output) : IKernel
    {
        public static int Threads => PoolWindows.Threads;

        public void Run()
        {
            PoolWindow window = windows.Find();
            if (!window.IsThere) return;
            long line = windows.Corner(window);
            float best = input[line];
            for (int row = 0; row < shape.Window; row++)
            {
                // The first value meets itself, which is not less.
                for (int column = 0; column < shape.Window; column++)
                {
                    float x = input[line + (column * shape.Channels)];
                    if (Portable.Less(best, x)) best = x;
                }

                line += shape.Width * shape.Channels;
            }

            output[windows.Output(window)] = best;
        }
    }
}

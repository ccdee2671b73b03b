using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The output's gradient where the largest values were: the first value of a window that is not below the output gets it.</summary>
/// <remarks>Operands as in <see cref="MaxPoolForward"/>. Every other input gets +0. The output may have passed a rectifier since. Portable.</remarks>
public readonly unsafe record struct MaxPoolBackward(PoolShape Shape, int Samples, View Input, View Output, View OutputGradient, View InputGradient) : IOp, IVectorOp
{
    static bool IVectorOp.Fuses => false;

    public static void Reference(
        in PoolShape shape,
        int samples,
        ReadOnlySpan<float> input,
        ReadOnlySpan<float> output,
        ReadOnlySpan<float> outputGradient,
        Span<float> inputGradient)
    {
        inputGradient[..(samples * shape.InputLength)].Clear();
        for (int at = 0; at < samples * shape.OutputLength; at++)
        {
            int corner = (int)MaxPool.Corner(shape, at);
            for (int tap = 0; tap < shape.Window * shape.Window; tap++)
            {
                int index = corner + MaxPool.Tap(shape, tap);
                if (input[index] < output[at]) continue;
                inputGradient[index] = outputGradient[at];
                break;
            }
        }
    }

    public void Check()
    {
        Shape.Check();
        Input.Expect((long)Samples * Shape.InputLength);
        Output.Expect((long)Samples * Shape.OutputLength);
        OutputGradient.Expect(Output.Length);
        InputGradient.Expect(Input.Length);
    }

    public void Reference() => Reference(Shape, Samples, Input.Floats, Output.Floats, OutputGradient.Floats, InputGradient.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device)
    {
        PoolWindows windows = new(Shape, Windows.Along(Shape.Height, Shape.Window), Windows.Along(Shape.Width, Shape.Window));
        device.Launch(
            windows.Groups(Samples),
            new Windows(Shape, windows, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(Output), IlgpuDevice.Floats(OutputGradient), IlgpuDevice.Floats(InputGradient)));
    }

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Image<TLanes, V> images = new()
        {
            Shape = Shape,
            Input = CpuDevice.Pointer(Input),
            Output = CpuDevice.Pointer(Output),
            OutputGradient = CpuDevice.Pointer(OutputGradient),
            InputGradient = CpuDevice.Pointer(InputGradient),
        };
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
        public float* OutputGradient;
        public float* InputGradient;

        [SkipLocalsInit]
        public readonly void Run(int piece)
        {
            int channels = Shape.Channels, line = Shape.Width * channels, window = Shape.Window, taps = window * window;
            int* tap = stackalloc int[taps];
            MaxPool.Taps(Shape, tap);
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

                        c = MaxPool.Next<TLanes, V>(c, channels);
                    }
                }
            }
        }
    }

    // One thread a window and channel: it writes the window's inputs. A window that reaches beyond the image has no output, and its inputs get +0.
    internal readonly struct Windows(
        PoolShape shape, PoolWindows windows, ArrayView<float> input, ArrayView<float> output, ArrayView<float> outputGradient, ArrayView<float> inputGradient) : IKernel
    {
        public static int Threads => PoolWindows.Threads;

        /// <summary>The windows along a side, one that reaches beyond it included.</summary>
        public static int Along(int side, int window) => (side + window - 1) / window;

        public void Run()
        {
            PoolWindow window = windows.Find();
            if (!window.IsThere) return;
            int rows = Math.Min(shape.Window, shape.Height - (window.Row * shape.Window)), columns = Math.Min(shape.Window, shape.Width - (window.Column * shape.Window));
            float largest = 0, left = 0;
            if (rows == shape.Window & columns == shape.Window)
            {
                long at = windows.Output(window);
                largest = output[at];
                left = outputGradient[at];
            }

            long line = windows.Corner(window);
            for (int row = 0; row < rows; row++)
            {
                for (int column = 0; column < columns; column++)
                {
                    long index = line + (column * shape.Channels);
                    bool below = Portable.Less(input[index], largest);
                    inputGradient[index] = below ? 0 : left;
                    left = below ? left : 0;
                }

                line += shape.Width * shape.Channels;
            }
        }
    }
}

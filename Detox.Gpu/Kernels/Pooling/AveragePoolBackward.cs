using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Each position gets its share of the output's gradient: the gradient, divided by the number of positions.</summary>
/// <remarks>outputGradient: samples x channels; inputGradient: samples x positions x channels. Portable.</remarks>
public readonly unsafe record struct AveragePoolBackward(int Samples, int Positions, int Channels, View OutputGradient, View InputGradient) : IOp, IVectorOp
{
    static bool IVectorOp.Fuses => false;

    public static void Reference(int samples, int positions, int channels, ReadOnlySpan<float> outputGradient, Span<float> inputGradient)
    {
        for (int at = 0; at < samples * positions * channels; at++)
            inputGradient[at] = outputGradient[(at / channels / positions * channels) + (at % channels)] / positions;
    }

    public void Check()
    {
        OutputGradient.Expect((long)Samples * Channels);
        InputGradient.Expect((long)Samples * Positions * Channels);
    }

    public void Reference() => Reference(Samples, Positions, Channels, OutputGradient.Floats, InputGradient.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device)
        => device.Each(InputGradient.Length, new Thread(Positions, Channels, IlgpuDevice.Floats(OutputGradient), IlgpuDevice.Floats(InputGradient)));

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Image<TLanes, V> images = new()
        {
            Positions = Positions,
            Channels = Channels,
            OutputGradient = CpuDevice.Pointer(OutputGradient),
            InputGradient = CpuDevice.Pointer(InputGradient),
        };
        device.Share(Samples, ref images);
    }

    private struct Image<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Positions;
        public int Channels;
        public float* OutputGradient;
        public float* InputGradient;

        public readonly void Run(int sample)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Spread<TLanes, V>(sample, 0, whole);
            Spread<Lanes32, float>(sample, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Spread<L, W>(int sample, int c, int end)
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

    internal readonly struct Thread(int positions, int channels, ArrayView<float> outputGradient, ArrayView<float> inputGradient) : IThread
    {
        public void Run(long at)
            => inputGradient[at] = Portable.Divide(outputGradient[(at / channels / positions * channels) + (at % channels)], positions);
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The mean over all positions of an image, channel by channel.</summary>
/// <remarks>input: samples x positions x channels; output: samples x channels. The positions' values, added in ascending order
/// from +0, then one division by their number. A NaN reaches its channel's output. Portable.</remarks>
public readonly unsafe record struct AveragePoolForward(int Samples, int Positions, int Channels, View Input, View Output) : IOp, IVectorOp
{
    static bool IVectorOp.Fuses => false;

    public static void Reference(int samples, int positions, int channels, ReadOnlySpan<float> input, Span<float> output)
    {
        for (int at = 0; at < samples * channels; at++)
        {
            int first = (at / channels * positions * channels) + (at % channels);
            float sum = 0;
            for (int p = 0; p < positions; p++) sum += input[first + (p * channels)];
            output[at] = sum / positions;
        }
    }

    public void Check()
    {
        Input.Expect((long)Samples * Positions * Channels);
        Output.Expect((long)Samples * Channels);
    }

    public void Reference() => Reference(Samples, Positions, Channels, Input.Floats, Output.Floats);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Thread(Positions, Channels, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(Output)));

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Image<TLanes, V> images = new() { Positions = Positions, Channels = Channels, Input = CpuDevice.Pointer(Input), Output = CpuDevice.Pointer(Output) };
        device.Share(Samples, ref images);
    }

    private struct Image<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Positions;
        public int Channels;
        public float* Input;
        public float* Output;

        public readonly void Run(int sample)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Mean<TLanes, V>(sample, 0, whole);
            Mean<Lanes32, float>(sample, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Mean<L, W>(int sample, int c, int end)
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

    // One thread an output: neighbours read neighbouring channels.
    internal readonly struct Thread(int positions, int channels, ArrayView<float> input, ArrayView<float> output) : IThread
    {
        public void Run(long at)
        {
            long first = (at / channels * positions * channels) + (at % channels);
            float sum = 0;
            for (int p = 0; p < positions; p++) sum = Portable.Add(sum, input[first + ((long)p * channels)]);
            output[at] = Portable.Divide(sum, positions);
        }
    }
}

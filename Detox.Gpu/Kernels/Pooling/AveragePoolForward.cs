using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The mean over all positions of an image, channel by channel.</summary>
/// <remarks>input: samples x positions x channels; output: samples x channels. The positions' values, added in ascending order
/// from +0, then one division by their number. A NaN reaches its channel's output. Portable.</remarks>
public readonly unsafe record struct AveragePoolForward(int Samples, int Positions, int Channels, View Input, View Output) : IOp
{
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

    public void Run(CpuDevice device)
        => device.Channelwise(Samples, Channels, new Images(Positions, Channels, CpuDevice.Pointer(Input), CpuDevice.Pointer(Output)));

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Thread(Positions, Channels, IlgpuDevice.Floats(Input), IlgpuDevice.Floats(Output)));

    private readonly struct Images(int positions, int channels, float* input, float* output) : IChannelwise
    {
        public void Run<TLanes, V>(int sample, int first, int end)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V count = TLanes.All(positions);
            for (int c = first; c < end; c += TLanes.Count)
            {
                float* x = input + ((long)sample * positions * channels) + c;
                V sum = TLanes.Zero;
                for (int p = 0; p < positions; p++, x += channels) sum = TLanes.Add(sum, TLanes.Load(x));
                TLanes.Store(TLanes.Divide(sum, count), output + ((long)sample * channels) + c);
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

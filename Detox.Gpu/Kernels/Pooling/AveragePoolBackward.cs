using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Each position gets its share of the output's gradient: the gradient, divided by the number of positions.</summary>
/// <remarks>outputGradient: samples x channels; inputGradient: samples x positions x channels. Portable.</remarks>
public readonly unsafe record struct AveragePoolBackward(int Samples, int Positions, int Channels, View OutputGradient, View InputGradient) : IOp
{
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

    public void Run(CpuDevice device)
        => device.Channelwise(Samples, Channels, new Images(Positions, Channels, CpuDevice.Pointer(OutputGradient), CpuDevice.Pointer(InputGradient)));

    public void Run(IlgpuDevice device)
        => device.Each(OutputGradient.Length, new Thread(Positions, Channels, IlgpuDevice.Floats(OutputGradient), IlgpuDevice.Floats(InputGradient)));

    private readonly struct Images(int positions, int channels, float* outputGradient, float* inputGradient) : IChannelwise
    {
        public void Run<TLanes, V>(int sample, int first, int end)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V count = TLanes.All(positions);
            for (int c = first; c < end; c += TLanes.Count)
            {
                V share = TLanes.Divide(TLanes.Load(outputGradient + ((long)sample * channels) + c), count);
                float* to = inputGradient + ((long)sample * positions * channels) + c;
                for (int p = 0; p < positions; p++, to += channels) TLanes.Store(share, to);
            }
        }
    }

    // One thread a channel of a sample, which divides once: neighbours write neighbouring channels.
    internal readonly struct Thread(int positions, int channels, ArrayView<float> outputGradient, ArrayView<float> inputGradient) : IThread
    {
        public void Run(long at)
        {
            long sample = at / channels, to = (sample * positions * channels) + (at - (sample * channels));
            float share = Portable.Divide(outputGradient[at], positions);
            for (int p = 0; p < positions; p++, to += channels) inputGradient[to] = share;
        }
    }
}

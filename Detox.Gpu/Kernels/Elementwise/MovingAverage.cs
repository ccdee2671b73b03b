using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A running value moves towards a new one, in place: running = fma(momentum, value * correction - running, running).</summary>
/// <remarks>The product is rounded before the difference is taken. A NaN stays. Portable.</remarks>
public readonly unsafe record struct MovingAverage(View Running, View Values, float Correction, float Momentum) : IOp
{
    public static void Reference(Span<float> running, ReadOnlySpan<float> values, float correction, float momentum)
    {
        for (int i = 0; i < running.Length; i++)
            running[i] = MathF.FusedMultiplyAdd(momentum, (values[i] * correction) - running[i], running[i]);
    }

    public void Check() => Values.Expect(Running.Length);

    public void Reference() => Reference(Running.Floats, Values.Floats, Correction, Momentum);

    public void Run(CpuDevice device)
        => device.Elementwise(Running.Length, new Vectors(CpuDevice.Pointer(Running), CpuDevice.Pointer(Values), Correction, Momentum));

    public void Run(IlgpuDevice device)
        => device.Each(Running.Length, new Thread(IlgpuDevice.Floats(Running), IlgpuDevice.Floats(Values), Correction, Momentum));

    private readonly struct Vectors(float* running, float* values, float correction, float momentum) : IElementwise
    {
        public static bool Fuses => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V old = TLanes.Load(running + i), step = TLanes.Subtract(TLanes.Multiply(TLanes.Load(values + i), TLanes.All(correction)), old);
            TLanes.Store(TLanes.FusedMultiplyAdd(TLanes.All(momentum), step, old), running + i);
        }
    }

    internal readonly struct Thread(ArrayView<float> running, ArrayView<float> values, float correction, float momentum) : IThread
    {
        public void Run(long i)
            => running[i] = Portable.Fma(momentum, Portable.Subtract(Portable.Multiply(values[i], correction), running[i]), running[i]);
    }
}

using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The gradient stays where the rectified values are above 0, else it becomes +0. Portable.</summary>
/// <param name="Values">What <see cref="ReluForward"/> left.</param>
public readonly unsafe record struct ReluBackward(View Values, View Gradient) : IOp
{
    public static void Reference(ReadOnlySpan<float> values, Span<float> gradient)
    {
        for (int i = 0; i < values.Length; i++) gradient[i] = values[i] > 0 ? gradient[i] : 0;
    }

    public void Check() => Gradient.Expect(Values.Length);

    public void Reference() => Reference(Values.Floats, Gradient.Floats);

    public void Run(CpuDevice device)
        => device.Elementwise(Values.Length, new Vectors(CpuDevice.Pointer(Values), CpuDevice.Pointer(Gradient)));

    public void Run(IlgpuDevice device)
        => device.Each(Values.Length, new Thread(IlgpuDevice.Floats(Values), IlgpuDevice.Floats(Gradient)));

    private readonly struct Vectors(float* values, float* gradient) : IElementwise
    {
        public static bool Fuses => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(TLanes.WhereLess(TLanes.Zero, TLanes.Load(values + i), TLanes.Load(gradient + i), TLanes.Zero), gradient + i);
    }

    internal readonly struct Thread(ArrayView<float> values, ArrayView<float> gradient) : IThread
    {
        public void Run(long i)
        {
            if (!Portable.Less(0, values[i])) gradient[i] = 0;
        }
    }
}

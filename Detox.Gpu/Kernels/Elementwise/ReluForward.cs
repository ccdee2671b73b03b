using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The rectifier, in place: x &lt; 0 becomes +0; everything else, a NaN and -0 included, stays. Portable.</summary>
public readonly unsafe record struct ReluForward(View Values) : IOp
{
    public static void Reference(Span<float> values)
    {
        foreach (ref float x in values) x = x < 0 ? 0 : x;
    }

    public void Check()
    {
    }

    public void Reference() => Reference(Values.Floats);

    public void Run(CpuDevice device) => device.Elementwise(Values.Length, new Vectors(CpuDevice.Pointer(Values)));

    public void Run(IlgpuDevice device) => device.Each(Values.Length, new Thread(IlgpuDevice.Floats(Values)));

    private readonly struct Vectors(float* values) : IElementwise
    {
        public static bool Fuses => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V x = TLanes.Load(values + i);
            TLanes.Store(TLanes.WhereLess(x, TLanes.Zero, TLanes.Zero, x), values + i);
        }
    }

    internal readonly struct Thread(ArrayView<float> values) : IThread
    {
        public void Run(long i)
        {
            if (Portable.Less(values[i], 0)) values[i] = 0;
        }
    }
}

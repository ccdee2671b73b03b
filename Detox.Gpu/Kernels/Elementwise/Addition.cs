using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The sum of two vectors: output[i] = left[i] + right[i].</summary>
/// <remarks>The output may be one of the two. A NaN stays. Portable.</remarks>
public readonly unsafe record struct Addition(View Left, View Right, View Output) : IOp
{
    public static void Reference(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> output)
    {
        for (int i = 0; i < output.Length; i++) output[i] = left[i] + right[i];
    }

    public void Check()
    {
        Left.Expect(Output.Length);
        Right.Expect(Output.Length);
    }

    public void Reference() => Reference(Left.Floats, Right.Floats, Output.Floats);

    public void Run(CpuDevice device)
        => device.Elementwise(Output.Length, new Vectors(CpuDevice.Pointer(Left), CpuDevice.Pointer(Right), CpuDevice.Pointer(Output)));

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Thread(IlgpuDevice.Floats(Left), IlgpuDevice.Floats(Right), IlgpuDevice.Floats(Output)));

    private readonly struct Vectors(float* left, float* right, float* output) : IElementwise
    {
        public static bool Fuses => false;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
            => TLanes.Store(TLanes.Add(TLanes.Load(left + i), TLanes.Load(right + i)), output + i);
    }

    internal readonly struct Thread(ArrayView<float> left, ArrayView<float> right, ArrayView<float> output) : IThread
    {
        public void Run(long i) => output[i] = Portable.Add(left[i], right[i]);
    }
}

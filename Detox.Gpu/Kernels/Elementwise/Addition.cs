using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The sum of two vectors, with an optional rectifier behind it: output[i] = left[i] + right[i], rectified as <see cref="ReluForward"/> does.</summary>
/// <remarks>The output may be one of the two. A NaN stays. Portable.</remarks>
public readonly unsafe record struct Addition(View Left, View Right, View Output, bool Rectified) : IOp
{
    public static void Reference(ReadOnlySpan<float> left, ReadOnlySpan<float> right, Span<float> output, bool rectified)
    {
        for (int i = 0; i < output.Length; i++) output[i] = left[i] + right[i];
        if (rectified) ReluForward.Reference(output);
    }

    public void Check()
    {
        Left.Expect(Output.Length);
        Right.Expect(Output.Length);
    }

    public void Reference() => Reference(Left.Floats, Right.Floats, Output.Floats, Rectified);

    public void Run(CpuDevice device)
        => device.Elementwise(Output.Length, new Vectors(CpuDevice.Pointer(Left), CpuDevice.Pointer(Right), CpuDevice.Pointer(Output), Rectified));

    public void Run(IlgpuDevice device)
        => device.Each(Output.Length, new Thread(IlgpuDevice.Floats(Left), IlgpuDevice.Floats(Right), IlgpuDevice.Floats(Output), Rectified ? 1 : 0));

    private readonly struct Vectors(float* left, float* right, float* output, bool rectified) : IElementwise
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V sum = TLanes.Add(TLanes.Load(left + i), TLanes.Load(right + i));
            if (rectified) sum = TLanes.WhereLess(sum, TLanes.Zero, TLanes.Zero, sum);
            TLanes.Store(sum, output + i);
        }
    }

    internal readonly struct Thread(ArrayView<float> left, ArrayView<float> right, ArrayView<float> output, int rectified) : IThread
    {
        public void Run(long i)
        {
            float sum = Portable.Add(left[i], right[i]);
            output[i] = rectified != 0 & Portable.Less(sum, 0) ? 0 : sum;
        }
    }
}

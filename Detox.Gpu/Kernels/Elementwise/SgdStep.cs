using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>One step of stochastic gradient descent with momentum and weight decay, in place.</summary>
/// <remarks>velocity = fma(momentum, velocity, fma(decay, weight, gradient)); weight = fma(-rate, velocity, weight): torch.optim.SGD's
/// formula without dampening, with fused products. A NaN in the gradient stays in velocity and weight. Portable.</remarks>
public readonly unsafe record struct SgdStep(View Weights, View Velocity, View Gradient, float Rate, float Momentum, float Decay) : IOp
{
    public static void Reference(Span<float> weights, Span<float> velocity, ReadOnlySpan<float> gradient, float rate, float momentum, float decay)
    {
        for (int i = 0; i < weights.Length; i++)
        {
            velocity[i] = MathF.FusedMultiplyAdd(momentum, velocity[i], MathF.FusedMultiplyAdd(decay, weights[i], gradient[i]));
            weights[i] = MathF.FusedMultiplyAdd(-rate, velocity[i], weights[i]);
        }
    }

    public void Check()
    {
        Velocity.Expect(Weights.Length);
        Gradient.Expect(Weights.Length);
    }

    public void Reference() => Reference(Weights.Floats, Velocity.Floats, Gradient.Floats, Rate, Momentum, Decay);

    public void Run(CpuDevice device)
        => device.Elementwise(Weights.Length, new Vectors(CpuDevice.Pointer(Weights), CpuDevice.Pointer(Velocity), CpuDevice.Pointer(Gradient), Rate, Momentum, Decay));

    public void Run(IlgpuDevice device)
        => device.Each(Weights.Length, new Thread(IlgpuDevice.Floats(Weights), IlgpuDevice.Floats(Velocity), IlgpuDevice.Floats(Gradient), Rate, Momentum, Decay));

    private readonly struct Vectors(float* weights, float* velocity, float* gradient, float rate, float momentum, float decay) : IElementwise
    {
        public static bool Fuses => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void At<TLanes, V>(long i)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            V w = TLanes.Load(weights + i);
            V v = TLanes.FusedMultiplyAdd(TLanes.All(momentum), TLanes.Load(velocity + i), TLanes.FusedMultiplyAdd(TLanes.All(decay), w, TLanes.Load(gradient + i)));
            TLanes.Store(v, velocity + i);
            TLanes.Store(TLanes.FusedMultiplyAdd(TLanes.All(-rate), v, w), weights + i);
        }
    }

    internal readonly struct Thread(
        ArrayView<float> weights, ArrayView<float> velocity, ArrayView<float> gradient, float rate, float momentum, float decay) : IThread
    {
        public void Run(long i)
        {
            float w = weights[i], v = Portable.Fma(momentum, velocity[i], Portable.Fma(decay, w, gradient[i]));
            velocity[i] = v;
            weights[i] = Portable.Fma(-rate, v, w);
        }
    }
}

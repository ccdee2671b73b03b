using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>Chains of fused multiply-adds and nothing else: what a device's arithmetic can do at best.</summary>
/// <remarks>Each value becomes fma(value, 0.5, 1), as many times as there are rounds; a NaN stays one. Portable.</remarks>
public readonly partial record struct FmaChains(View Values, int Rounds) : IOp, IVectorOp
{
    private const float Factor = 0.5f;
    private const float Summand = 1;

    public static void Reference(Span<float> values, int rounds)
    {
        foreach (ref float value in values)
            for (int round = 0; round < rounds; round++) value = MathF.FusedMultiplyAdd(value, Factor, Summand);
    }

    public void Check()
    {
        if (Values.Length % ThreadChains != 0)
            throw new ArgumentException($"{nameof(Values)}: a view of {Values.Length} floats where a multiple of {ThreadChains} is expected.");
    }

    public void Reference() => Reference(Values.Floats, Rounds);

    public void Run(CpuDevice device) => device.AtItsWidth(this);

    public void Run(IlgpuDevice device) => device.Each(Values.Length / ThreadChains, new Thread(Rounds, IlgpuDevice.Floats(Values)));
}

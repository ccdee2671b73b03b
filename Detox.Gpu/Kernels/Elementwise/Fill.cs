using System.Runtime.CompilerServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>Sets every float of a view. Portable.</summary>
public readonly unsafe record struct Fill(View Values, float Value) : IOp
{
    public void Check()
    {
    }

    public void Reference() => Values.Floats.Fill(Value);

    public void Run(CpuDevice device) => Values.Floats.Fill(Value);

    public void Run(IlgpuDevice device) => device.Each(Values.Length, new Thread(IlgpuDevice.Floats(Values), Value));

    internal readonly struct Thread(ArrayView<float> values, float value) : IThread
    {
        public void Run(long i) => values[i] = value;
    }
}

using Detox.Gpu.Devices.Cpu;
using Detox.Gpu.Devices.Ilgpu;

namespace Detox.Gpu.Kernels;

/// <summary>An operation together with its operands: a value that any device runs, always with the same bits.</summary>
public interface IOp
{
    /// <summary>An ArgumentException says where the operands do not fit together: the same one on every device.</summary>
    void Check();

    /// <summary>The definition: plain loops. The operands lie in the host's memory.</summary>
    void Reference();

    void Run(CpuDevice device);

    void Run(IlgpuDevice device);
}

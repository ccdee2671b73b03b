using Detox.Gpu.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Devices.Ilgpu;

public sealed partial class IlgpuDevice
{
    public override void FmaChains(View values, int rounds)
    {
        const int chains = Kernels.FmaChains.ThreadChains;
        int threads = checked((int)(values.Length / chains)), rest = (int)(values.Length % chains);
        if (rest != 0) throw new ArgumentException($"values: {values.Length} floats where a multiple of {chains} is expected.", nameof(values));
        if (threads == 0) return;
        Kernel(nameof(FmaChains), () => _accelerator.LoadAutoGroupedKernel<Index1D, int, ArrayView<float>>(Kernels.FmaChains.Kernel))(
            _stream, threads, rounds, Pointer(values));
    }
}

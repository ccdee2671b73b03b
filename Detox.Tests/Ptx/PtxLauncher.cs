using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Ptx;

/// <summary>Runs kernels as PTX on the machine instead of on the device whose memory they work in.</summary>
internal sealed class PtxLauncher(PtxChecks? checks = null) : ILauncher
{
    private readonly Dictionary<Type, PtxKernel> _loaded = [];

    public void Launch<TKernel>(int groups, in TKernel kernel)
        where TKernel : struct, IKernel
    {
        if (!_loaded.TryGetValue(typeof(TKernel), out PtxKernel? loaded)) _loaded.Add(typeof(TKernel), loaded = PtxModule.Parse(KernelTexts.Of(typeof(TKernel))).Kernels[0]);
        KernelArguments arguments = new(kernel);
        GlobalMemory memory = new();
        foreach ((nint address, long bytes) in arguments.Buffers) memory.Add(address, bytes);
        new PtxMachine(memory, checks).Launch(loaded, new Triple(groups, 1, 1), new Triple(TKernel.Threads, 1, 1), arguments.Bytes);
    }
}

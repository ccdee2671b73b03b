using Detox.Gpu.Devices.Ilgpu;
using Detox.Gpu.Kernels;

namespace Detox.Tests.Ptx;

/// <summary>Notes which kernels are launched, and how often; a device is checked when it opens, and then they need not run.</summary>
internal sealed class NotingLauncher : ILauncher
{
    private readonly PtxLauncher _machine = new();
    private readonly Dictionary<Type, int> _launches = [];
    private bool _runsNone;

    public IReadOnlyDictionary<Type, int> Launches => _launches;

    /// <summary>From now on kernels are only noted; what has been noted is forgotten.</summary>
    public void StopRunning()
    {
        _runsNone = true;
        _launches.Clear();
    }

    public void Launch<TKernel>(int groups, in TKernel kernel)
        where TKernel : struct, IKernel
    {
        _launches[typeof(TKernel)] = _launches.GetValueOrDefault(typeof(TKernel)) + 1;
        if (!_runsNone) _machine.Launch(groups, kernel);
    }
}

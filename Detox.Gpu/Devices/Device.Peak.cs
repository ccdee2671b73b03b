namespace Detox.Gpu.Devices;

/// <summary>What a device can do at best, to measure the ops against.</summary>
public abstract partial class Device
{
    /// <summary>Every value becomes fma(value, 0.5, 1), <paramref name="rounds"/> times. See <see cref="Kernels.FmaChains"/>.</summary>
    public abstract void FmaChains(View values, int rounds);
}

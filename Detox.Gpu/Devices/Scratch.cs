namespace Detox.Gpu.Devices;

/// <summary>What an op needs memory for while it runs. A device keeps it from call to call: the largest one decides its size.</summary>
/// <remarks>An op holds one of these for each purpose, in a static field; ops that run one after another may share one.</remarks>
internal sealed class Scratch<T>
    where T : unmanaged;

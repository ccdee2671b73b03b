using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>An op that is written once for every width of vectors.</summary>
internal interface IVectorOp
{
    /// <summary>Whether it lives on fused multiply-adds. Without them in hardware vectors gain nothing: one float at a time is then the quickest.</summary>
    /// <remarks>Every op says so itself: what reads an interface's own answer is not compiled ahead.</remarks>
    static abstract bool Fuses { get; }

    void Run<TLanes, V>(CpuDevice device)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

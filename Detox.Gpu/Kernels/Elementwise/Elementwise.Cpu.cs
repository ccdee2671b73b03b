using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Work that falls into single floats, each for itself.</summary>
internal interface IElementwise
{
    /// <summary>See <see cref="IVectorOp.Fuses"/>.</summary>
    static abstract bool Fuses { get; }

    /// <summary>One vector of it, which begins at an index.</summary>
    void At<TLanes, V>(long index)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

/// <summary>How a CPU runs such work.</summary>
internal static class ElementwiseWork
{
    /// <summary>Runs work on every float of so many, a vector at a time and the rest one by one.</summary>
    public static void Elementwise<TWork>(this CpuDevice device, long length, in TWork work)
        where TWork : struct, IElementwise
        => device.AtItsWidth(new Stretch<TWork>(length, work));

    private readonly struct Stretch<TWork>(long length, TWork work) : IVectorOp
        where TWork : struct, IElementwise
    {
        public static bool Fuses => TWork.Fuses;

        public void Run<TLanes, V>(CpuDevice device)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            Block<TLanes, V> blocks = new() { Length = length, Work = work };
            device.Share(CpuDevice.Blocks(length, Block<TLanes, V>.Floats), ref blocks);
        }

        private struct Block<TLanes, V> : IPieces
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            public const int Floats = 16 * 1024;

            public long Length;
            public TWork Work;

            public readonly void Run(int piece)
            {
                long i = (long)piece * Floats, end = Math.Min(i + Floats, Length);
                for (; i <= end - TLanes.Count; i += TLanes.Count) Work.At<TLanes, V>(i);
                for (; i < end; i++) Work.At<Lanes32, float>(i);
            }
        }
    }
}

using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>Work that falls into pieces of several channels each, every channel for itself.</summary>
internal interface IChannelwise
{
    /// <summary>The channels from first to before end of a piece: whole vectors.</summary>
    void Run<TLanes, V>(int piece, int first, int end)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

/// <summary>How a CPU runs such work.</summary>
internal static class ChannelwiseWork
{
    /// <summary>Runs work on every piece of so many: whole vectors of its channels, then the rest one by one.</summary>
    public static void Channelwise<TWork>(this CpuDevice device, int pieces, int channels, in TWork work)
        where TWork : struct, IChannelwise
        => device.AtItsWidth(new Channels<TWork>(pieces, channels, work));

    private readonly struct Channels<TWork>(int pieces, int channels, TWork work) : IVectorOp
        where TWork : struct, IChannelwise
    {
        public static bool Fuses => false;

        public void Run<TLanes, V>(CpuDevice device)
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            Piece<TLanes, V> each = new() { Channels = channels, Work = work };
            device.Share(pieces, ref each);
        }

        private struct Piece<TLanes, V> : IPieces
            where TLanes : struct, ILanes<V>
            where V : unmanaged
        {
            public int Channels;
            public TWork Work;

            public readonly void Run(int piece)
            {
                int whole = Channels / TLanes.Count * TLanes.Count;
                Work.Run<TLanes, V>(piece, 0, whole);
                Work.Run<Lanes32, float>(piece, whole, Channels);
            }
        }
    }
}

using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

public readonly unsafe partial record struct FmaChains
{
    static bool IVectorOp.Fuses => true;

    void IVectorOp.Run<TLanes, V>(CpuDevice device)
    {
        Piece<TLanes, V> work = new() { Values = CpuDevice.Pointer(Values), Length = Values.Length, Rounds = Rounds };
        device.Share(CpuDevice.Blocks(Values.Length, Piece<TLanes, V>.Block), ref work);
    }

    /// <summary>One piece: twelve vectors at a time, as the products of networks have them.</summary>
    private struct Piece<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        private const int Vectors = 12;

        public float* Values;
        public long Length;
        public int Rounds;

        public static int Block => Vectors * TLanes.Count;

        public readonly void Run(int piece)
        {
            float* at = Values + ((long)piece * Block);
            if (((long)piece + 1) * Block > Length)
            {
                Reference(new Span<float>(at, (int)(Length - ((long)piece * Block))), Rounds);
                return;
            }

            V factor = TLanes.All(Factor), summand = TLanes.All(Summand);
            int n = TLanes.Count;
            V a = TLanes.Load(at), b = TLanes.Load(at + n), c = TLanes.Load(at + (2 * n)), d = TLanes.Load(at + (3 * n));
            V e = TLanes.Load(at + (4 * n)), f = TLanes.Load(at + (5 * n)), g = TLanes.Load(at + (6 * n)), h = TLanes.Load(at + (7 * n));
            V i = TLanes.Load(at + (8 * n)), j = TLanes.Load(at + (9 * n)), k = TLanes.Load(at + (10 * n)), l = TLanes.Load(at + (11 * n));
            for (int round = 0; round < Rounds; round++)
            {
                a = TLanes.FusedMultiplyAdd(a, factor, summand);
                b = TLanes.FusedMultiplyAdd(b, factor, summand);
                c = TLanes.FusedMultiplyAdd(c, factor, summand);
                d = TLanes.FusedMultiplyAdd(d, factor, summand);
                e = TLanes.FusedMultiplyAdd(e, factor, summand);
                f = TLanes.FusedMultiplyAdd(f, factor, summand);
                g = TLanes.FusedMultiplyAdd(g, factor, summand);
                h = TLanes.FusedMultiplyAdd(h, factor, summand);
                i = TLanes.FusedMultiplyAdd(i, factor, summand);
                j = TLanes.FusedMultiplyAdd(j, factor, summand);
                k = TLanes.FusedMultiplyAdd(k, factor, summand);
                l = TLanes.FusedMultiplyAdd(l, factor, summand);
            }

            TLanes.Store(a, at);
            TLanes.Store(b, at + n);
            TLanes.Store(c, at + (2 * n));
            TLanes.Store(d, at + (3 * n));
            TLanes.Store(e, at + (4 * n));
            TLanes.Store(f, at + (5 * n));
            TLanes.Store(g, at + (6 * n));
            TLanes.Store(h, at + (7 * n));
            TLanes.Store(i, at + (8 * n));
            TLanes.Store(j, at + (9 * n));
            TLanes.Store(k, at + (10 * n));
            TLanes.Store(l, at + (11 * n));
        }
    }
}

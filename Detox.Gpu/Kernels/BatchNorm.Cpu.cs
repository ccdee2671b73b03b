using System.Runtime.CompilerServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

internal static unsafe partial class BatchNorm
{
    /// <summary>Rows in a piece that goes through the rows one after another.</summary>
    public const int Block = 256;

    /// <summary>One piece: the sums of one chunk, of x or, where means are given, of the squared distances from them.</summary>
    internal struct Sums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;

        /// <summary>Chunks x channels.</summary>
        public float* Totals;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            if (Means == null)
            {
                Plain<TLanes, V>(piece, 0, whole);
                Plain<Lanes32, float>(piece, whole, Channels);
                return;
            }

            Squares<TLanes, V>(piece, 0, whole);
            Squares<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Plain<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(Chunk, Rows - ((long)chunk * Chunk));
            float* first = Input + ((long)chunk * Chunk * Channels), totals = Totals + ((long)chunk * Channels);
            for (; c <= end - (4 * L.Count); c += 4 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, s2 = s0, s3 = s0;
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    s0 = L.Add(s0, L.Load(x));
                    s1 = L.Add(s1, L.Load(x + L.Count));
                    s2 = L.Add(s2, L.Load(x + (2 * L.Count)));
                    s3 = L.Add(s3, L.Load(x + (3 * L.Count)));
                }

                L.Store(s0, totals + c);
                L.Store(s1, totals + c + L.Count);
                L.Store(s2, totals + c + (2 * L.Count));
                L.Store(s3, totals + c + (3 * L.Count));
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero;
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels) sum = L.Add(sum, L.Load(x));
                L.Store(sum, totals + c);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Squares<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(Chunk, Rows - ((long)chunk * Chunk));
            float* first = Input + ((long)chunk * Chunk * Channels), totals = Totals + ((long)chunk * Channels);
            for (; c <= end - (4 * L.Count); c += 4 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, s2 = s0, s3 = s0;
                W m0 = L.Load(Means + c), m1 = L.Load(Means + c + L.Count), m2 = L.Load(Means + c + (2 * L.Count)), m3 = L.Load(Means + c + (3 * L.Count));
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    W d0 = L.Subtract(L.Load(x), m0), d1 = L.Subtract(L.Load(x + L.Count), m1);
                    W d2 = L.Subtract(L.Load(x + (2 * L.Count)), m2), d3 = L.Subtract(L.Load(x + (3 * L.Count)), m3);
                    s0 = L.FusedMultiplyAdd(d0, d0, s0);
                    s1 = L.FusedMultiplyAdd(d1, d1, s1);
                    s2 = L.FusedMultiplyAdd(d2, d2, s2);
                    s3 = L.FusedMultiplyAdd(d3, d3, s3);
                }

                L.Store(s0, totals + c);
                L.Store(s1, totals + c + L.Count);
                L.Store(s2, totals + c + (2 * L.Count));
                L.Store(s3, totals + c + (3 * L.Count));
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero, mean = L.Load(Means + c);
                float* x = first + c;
                for (int p = 0; p < rows; p++, x += Channels)
                {
                    W distance = L.Subtract(L.Load(x), mean);
                    sum = L.FusedMultiplyAdd(distance, distance, sum);
                }

                L.Store(sum, totals + c);
            }
        }
    }

    /// <summary>One piece: one block of rows.</summary>
    internal struct Normalise<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;
        public float* Factors;
        public float* Shifts;
        public float* Output;
        public bool Rectified;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Columns<TLanes, V>(piece, 0, whole);
            Columns<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Columns<L, W>(int block, int first, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            if (first == end) return;
            long last = Math.Min((block + 1L) * Block, Rows);
            for (long p = (long)block * Block; p < last; p++)
            {
                float* x = Input + (p * Channels), y = Output + (p * Channels);
                for (int c = first; c < end; c += L.Count)
                {
                    W value = L.FusedMultiplyAdd(L.Subtract(L.Load(x + c), L.Load(Means + c)), L.Load(Factors + c), L.Load(Shifts + c));
                    if (Rectified) value = L.WhereLess(value, L.Zero, L.Zero, value);
                    L.Store(value, y + c);
                }
            }
        }
    }

    /// <summary>One piece: one chunk's sums of the gradient, and of its products with the distances from the mean.</summary>
    internal struct BackwardSums<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;
        public float* Means;

        /// <summary>Null where nothing was rectified.</summary>
        public float* Output;

        public float* OutputGradient;

        /// <summary>Chunks x channels, as are the moments.</summary>
        public float* Totals;

        public float* Moments;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Down<TLanes, V>(piece, 0, whole);
            Down<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Down<L, W>(int chunk, int c, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            int rows = (int)Math.Min(Chunk, Rows - ((long)chunk * Chunk));
            long first = (long)chunk * Chunk * Channels, sums = (long)chunk * Channels;
            for (; c <= end - (2 * L.Count); c += 2 * L.Count)
            {
                W s0 = L.Zero, s1 = s0, t0 = s0, t1 = s0, m0 = L.Load(Means + c), m1 = L.Load(Means + c + L.Count);
                long at = first + c;
                for (int p = 0; p < rows; p++, at += Channels)
                {
                    W g0 = L.Load(OutputGradient + at), g1 = L.Load(OutputGradient + at + L.Count);
                    if (Output != null)
                    {
                        g0 = L.WhereLess(L.Zero, L.Load(Output + at), g0, L.Zero);
                        g1 = L.WhereLess(L.Zero, L.Load(Output + at + L.Count), g1, L.Zero);
                    }

                    s0 = L.Add(s0, g0);
                    s1 = L.Add(s1, g1);
                    t0 = L.FusedMultiplyAdd(g0, L.Subtract(L.Load(Input + at), m0), t0);
                    t1 = L.FusedMultiplyAdd(g1, L.Subtract(L.Load(Input + at + L.Count), m1), t1);
                }

                L.Store(s0, Totals + sums + c);
                L.Store(s1, Totals + sums + c + L.Count);
                L.Store(t0, Moments + sums + c);
                L.Store(t1, Moments + sums + c + L.Count);
            }

            for (; c < end; c += L.Count)
            {
                W sum = L.Zero, moment = sum, mean = L.Load(Means + c);
                long at = first + c;
                for (int p = 0; p < rows; p++, at += Channels)
                {
                    W g = L.Load(OutputGradient + at);
                    if (Output != null) g = L.WhereLess(L.Zero, L.Load(Output + at), g, L.Zero);
                    sum = L.Add(sum, g);
                    moment = L.FusedMultiplyAdd(g, L.Subtract(L.Load(Input + at), mean), moment);
                }

                L.Store(sum, Totals + sums + c);
                L.Store(moment, Moments + sums + c);
            }
        }
    }

    /// <summary>One piece: the input's gradient in one block of rows.</summary>
    internal struct Backward<TLanes, V> : IPieces
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        public int Channels;
        public long Rows;
        public float* Input;

        /// <summary>Null where nothing was rectified.</summary>
        public float* Output;

        public float* OutputGradient;
        public float* Means;
        public float* Factors;
        public float* Levels;
        public float* Slopes;
        public float* InputGradient;

        public readonly void Run(int piece)
        {
            int whole = Channels / TLanes.Count * TLanes.Count;
            Columns<TLanes, V>(piece, 0, whole);
            Columns<Lanes32, float>(piece, whole, Channels);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private readonly void Columns<L, W>(int block, int first, int end)
            where L : struct, ILanes<W>
            where W : unmanaged
        {
            if (first == end) return;
            long last = Math.Min((block + 1L) * Block, Rows);
            for (long p = (long)block * Block; p < last; p++)
            {
                long row = p * Channels;
                for (int c = first; c < end; c += L.Count)
                {
                    W g = L.Load(OutputGradient + row + c);
                    if (Output != null) g = L.WhereLess(L.Zero, L.Load(Output + row + c), g, L.Zero);
                    W distance = L.Subtract(L.Load(Means + c), L.Load(Input + row + c));
                    W value = L.FusedMultiplyAdd(distance, L.Load(Slopes + c), L.Subtract(g, L.Load(Levels + c)));
                    L.Store(L.Multiply(L.Load(Factors + c), value), InputGradient + row + c);
                }
            }
        }
    }

    /// <summary>The chunks' sums of each channel, added in their order.</summary>
    internal static void Join(int channels, int chunks, float* sums, float* totals)
    {
        new Span<float>(totals, channels).Clear();
        for (int chunk = 0; chunk < chunks; chunk++, sums += channels)
            for (int c = 0; c < channels; c++) totals[c] += sums[c];
    }

    internal static float Factor(float scale, float variance) => scale * Inverse(variance);

    /// <summary>From the channels' sums: the gradients of scale and shift, and what the input's gradient is made of.</summary>
    internal static (float ScaleGradient, float Level, float Slope) BackwardTerms(float total, float moment, float variance, float rows)
    {
        float inverse = Inverse(variance), scaleGradient = moment * inverse;
        return (scaleGradient, total / rows, scaleGradient * inverse / rows);
    }
}

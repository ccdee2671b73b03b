using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>The transforms of <see cref="Winograd"/>, a vector of channels or of outputs at a time.</summary>
/// <remarks>Channels that are no multiple of a vector end in a vector that repeats some of them. It takes 16 channels for every shape to have one.</remarks>
internal static unsafe class WinogradTransforms<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    private const int Tile = Winograd.Tile, Reach = Winograd.Reach, Places = Winograd.Places, Kernel = 3;

    /// <summary>Floats for a square of vectors, with room to begin at a cache line.</summary>
    private const int Square = (Places + 1) * 16;

    /// <summary>Floats from one place to the next where each has so many: a line more, lest all places share a set of the cache.</summary>
    public static long Pitch(long floats) => ((floats + 15) & ~15L) + 16;

    /// <summary>One tile of the input to its places.</summary>
    /// <param name="rows">Where the tile's rows begin, beyond the image in zeros.</param>
    /// <param name="first">The first column inside the image.</param>
    /// <param name="end">The column behind the last one inside.</param>
    /// <param name="to">The tile's channels in the first place; those of the others follow <paramref name="pitch"/> floats apart.</param>
    [SkipLocalsInit]
    public static void Data(float** rows, int first, int end, int channels, float* to, long pitch)
    {
        float* space = stackalloc float[Square];
        float* between = Aligned(space);
        int vector = TLanes.Count;
        for (int c = 0; ; c = Math.Min(c + vector, channels - vector))
        {
            for (int x = 0; x < Reach; x++)
            {
                long at = ((long)x * channels) + c;
                if (x >= first && x < end)
                    DataLine(TLanes.Load(rows[0] + at), TLanes.Load(rows[1] + at), TLanes.Load(rows[2] + at), TLanes.Load(rows[3] + at), TLanes.Load(rows[4] + at), TLanes.Load(rows[5] + at), between + (x * vector), Reach * vector);
                else
                    DataLine(TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero, between + (x * vector), Reach * vector);
            }

            for (int y = 0; y < Reach; y++)
            {
                float* row = between + (y * Reach * vector);
                DataLine(TLanes.Load(row), TLanes.Load(row + vector), TLanes.Load(row + (2 * vector)), TLanes.Load(row + (3 * vector)), TLanes.Load(row + (4 * vector)), TLanes.Load(row + (5 * vector)), to + (y * Reach * pitch) + c, (nint)pitch);
            }

            if (c + vector >= channels) return;
        }
    }

    /// <summary>One tile of the output gradient, <paramref name="count"/> outputs of it, to its places.</summary>
    /// <param name="rows">Where the tile's rows begin, at the first of these outputs; beyond the output in zeros.</param>
    /// <param name="end">The column behind the last one inside the output.</param>
    /// <param name="outputs">Floats from a pixel to the next.</param>
    [SkipLocalsInit]
    public static void Gradient(float** rows, int end, int outputs, int count, float* to, long pitch)
    {
        float* space = stackalloc float[Square];
        float* between = Aligned(space);
        int vector = TLanes.Count;
        for (int n = 0; ; n = Math.Min(n + vector, count - vector))
        {
            for (int x = 0; x < Tile; x++)
            {
                long at = ((long)x * outputs) + n;
                if (x < end)
                    GradientLine(TLanes.Load(rows[0] + at), TLanes.Load(rows[1] + at), TLanes.Load(rows[2] + at), TLanes.Load(rows[3] + at), between + (x * vector), Tile * vector);
                else
                    GradientLine(TLanes.Zero, TLanes.Zero, TLanes.Zero, TLanes.Zero, between + (x * vector), Tile * vector);
            }

            for (int y = 0; y < Reach; y++)
            {
                float* row = between + (y * Tile * vector);
                GradientLine(TLanes.Load(row), TLanes.Load(row + vector), TLanes.Load(row + (2 * vector)), TLanes.Load(row + (3 * vector)), to + (y * Reach * pitch) + n, (nint)pitch);
            }

            if (n + vector >= count) return;
        }
    }

    /// <summary>Weights to their places, any number of whole vectors.</summary>
    /// <param name="taps">Kernel row and column by kernel row and column, <paramref name="length"/> weights each.</param>
    [SkipLocalsInit]
    public static void Kernels(float* taps, long length, float* to, long pitch)
    {
        float* space = stackalloc float[Square];
        float* between = Aligned(space);
        int vector = TLanes.Count;
        for (long i = 0; i < length; i += vector)
        {
            for (int x = 0; x < Kernel; x++)
            {
                float* at = taps + (x * length) + i;
                KernelLine(TLanes.Load(at), TLanes.Load(at + (Kernel * length)), TLanes.Load(at + (2 * Kernel * length)), between + (x * vector), Kernel * vector);
            }

            for (int y = 0; y < Reach; y++)
            {
                float* row = between + (y * Kernel * vector);
                KernelLine(TLanes.Load(row), TLanes.Load(row + vector), TLanes.Load(row + (2 * vector)), to + (y * Reach * pitch) + i, (nint)pitch);
            }
        }
    }

    /// <summary>The products of one tile to its output pixels, <paramref name="count"/> outputs of each.</summary>
    /// <param name="from">The tile's products in the first place.</param>
    /// <param name="to">The tile's first pixel.</param>
    /// <param name="bias">Null: none.</param>
    [SkipLocalsInit]
    public static void Output(float* from, long pitch, int count, float* bias, float* to, int height, int width, long row, long column)
    {
        float* space = stackalloc float[Square];
        float* between = Aligned(space);
        int vector = TLanes.Count;
        for (int n = 0; ; n = Math.Min(n + vector, count - vector))
        {
            for (int x = 0; x < Reach; x++)
            {
                float* at = from + (x * pitch) + n;
                OutputLine(TLanes.Load(at), TLanes.Load(at + (6 * pitch)), TLanes.Load(at + (12 * pitch)), TLanes.Load(at + (18 * pitch)), TLanes.Load(at + (24 * pitch)), TLanes.Load(at + (30 * pitch)), between + (x * vector), Reach * vector);
            }

            for (int y = 0; y < height; y++)
            {
                float* line = between + (y * Reach * vector);
                OutputLine(TLanes.Load(line), TLanes.Load(line + vector), TLanes.Load(line + (2 * vector)), TLanes.Load(line + (3 * vector)), TLanes.Load(line + (4 * vector)), TLanes.Load(line + (5 * vector)), line, vector);
                float* pixel = to + (y * row) + n;
                if (bias == null)
                {
                    for (int x = 0; x < width; x++, pixel += column) TLanes.Store(TLanes.Load(line + (x * vector)), pixel);
                }
                else
                {
                    V add = TLanes.Load(bias + n);
                    for (int x = 0; x < width; x++, pixel += column) TLanes.Store(TLanes.Add(TLanes.Load(line + (x * vector)), add), pixel);
                }
            }

            if (n + vector >= count) return;
        }
    }

    /// <summary>The summed products of one channel to the gradients of its weights, for <paramref name="count"/> outputs.</summary>
    /// <param name="to">The first tap's gradients.</param>
    /// <param name="tap">Floats from one tap to the next.</param>
    [SkipLocalsInit]
    public static void KernelGradient(float* from, long pitch, int count, float* to, long tap)
    {
        float* space = stackalloc float[Square];
        float* between = Aligned(space);
        int vector = TLanes.Count;
        for (int n = 0; ; n = Math.Min(n + vector, count - vector))
        {
            for (int x = 0; x < Reach; x++)
            {
                float* at = from + (x * pitch) + n;
                KernelGradientLine(TLanes.Load(at), TLanes.Load(at + (6 * pitch)), TLanes.Load(at + (12 * pitch)), TLanes.Load(at + (18 * pitch)), TLanes.Load(at + (24 * pitch)), TLanes.Load(at + (30 * pitch)), between + (x * vector), Reach * vector);
            }

            for (int y = 0; y < Kernel; y++)
            {
                float* line = between + (y * Reach * vector);
                KernelGradientLine(TLanes.Load(line), TLanes.Load(line + vector), TLanes.Load(line + (2 * vector)), TLanes.Load(line + (3 * vector)), TLanes.Load(line + (4 * vector)), TLanes.Load(line + (5 * vector)), to + (y * Kernel * tap) + n, (nint)tap);
            }

            if (n + vector >= count) return;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Aligned(float* space) => (float*)(((nint)space + 63) & ~(nint)63);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DataLine(V d0, V d1, V d2, V d3, V d4, V d5, float* to, nint step)
    {
        V two = TLanes.All(2), four = TLanes.All(4), lessTwo = TLanes.All(-2), lessFour = TLanes.All(-4), lessFive = TLanes.All(-5);
        V a = TLanes.FusedMultiplyAdd(lessFour, d2, d4), b = TLanes.FusedMultiplyAdd(lessFour, d1, d3);
        V e = TLanes.Subtract(d4, d2), f = TLanes.Subtract(d3, d1);
        TLanes.Store(TLanes.FusedMultiplyAdd(four, d0, TLanes.FusedMultiplyAdd(lessFive, d2, d4)), to);
        TLanes.Store(TLanes.Add(a, b), to + step);
        TLanes.Store(TLanes.Subtract(a, b), to + (2 * step));
        TLanes.Store(TLanes.FusedMultiplyAdd(two, f, e), to + (3 * step));
        TLanes.Store(TLanes.FusedMultiplyAdd(lessTwo, f, e), to + (4 * step));
        TLanes.Store(TLanes.FusedMultiplyAdd(four, d1, TLanes.FusedMultiplyAdd(lessFive, d3, d5)), to + (5 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KernelLine(V g0, V g1, V g2, float* to, nint step)
    {
        V quarter = TLanes.All(0.25f), sixth = TLanes.All(Winograd.Sixth), lessSixth = TLanes.All(-Winograd.Sixth);
        V p = TLanes.Add(g0, g2), q = TLanes.FusedMultiplyAdd(quarter, g0, g2);
        TLanes.Store(TLanes.Multiply(quarter, g0), to);
        TLanes.Store(TLanes.Multiply(lessSixth, TLanes.Add(p, g1)), to + step);
        TLanes.Store(TLanes.Multiply(lessSixth, TLanes.Subtract(p, g1)), to + (2 * step));
        TLanes.Store(TLanes.Multiply(sixth, TLanes.FusedMultiplyAdd(TLanes.All(0.5f), g1, q)), to + (3 * step));
        TLanes.Store(TLanes.Multiply(sixth, TLanes.FusedMultiplyAdd(TLanes.All(-0.5f), g1, q)), to + (4 * step));
        TLanes.Store(g2, to + (5 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputLine(V m0, V m1, V m2, V m3, V m4, V m5, float* to, nint step)
    {
        V s = TLanes.Add(m1, m2), t = TLanes.Subtract(m1, m2), u = TLanes.Add(m3, m4), v = TLanes.Subtract(m3, m4);
        TLanes.Store(TLanes.Add(TLanes.Add(m0, s), u), to);
        TLanes.Store(TLanes.FusedMultiplyAdd(TLanes.All(2), v, t), to + step);
        TLanes.Store(TLanes.FusedMultiplyAdd(TLanes.All(4), u, s), to + (2 * step));
        TLanes.Store(TLanes.Add(TLanes.FusedMultiplyAdd(TLanes.All(8), v, t), m5), to + (3 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void GradientLine(V e0, V e1, V e2, V e3, float* to, nint step)
    {
        V quarter = TLanes.All(0.25f), sixth = TLanes.All(Winograd.Sixth), lessSixth = TLanes.All(-Winograd.Sixth);
        V p = TLanes.Add(e0, e2), q = TLanes.Add(e1, e3);
        V r = TLanes.FusedMultiplyAdd(quarter, e0, e2), s = TLanes.FusedMultiplyAdd(quarter, e1, e3);
        TLanes.Store(TLanes.Multiply(quarter, e0), to);
        TLanes.Store(TLanes.Multiply(lessSixth, TLanes.Add(p, q)), to + step);
        TLanes.Store(TLanes.Multiply(lessSixth, TLanes.Subtract(p, q)), to + (2 * step));
        TLanes.Store(TLanes.Multiply(sixth, TLanes.FusedMultiplyAdd(TLanes.All(2), s, r)), to + (3 * step));
        TLanes.Store(TLanes.Multiply(sixth, TLanes.FusedMultiplyAdd(TLanes.All(-2), s, r)), to + (4 * step));
        TLanes.Store(e3, to + (5 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KernelGradientLine(V m0, V m1, V m2, V m3, V m4, V m5, float* to, nint step)
    {
        V s = TLanes.Add(m1, m2), t = TLanes.Subtract(m1, m2), u = TLanes.Add(m3, m4), v = TLanes.Subtract(m3, m4);
        TLanes.Store(TLanes.Add(TLanes.Add(m0, s), u), to);
        TLanes.Store(TLanes.FusedMultiplyAdd(TLanes.All(2), v, t), to + step);
        TLanes.Store(TLanes.Add(TLanes.FusedMultiplyAdd(TLanes.All(4), u, s), m5), to + (2 * step));
    }
}

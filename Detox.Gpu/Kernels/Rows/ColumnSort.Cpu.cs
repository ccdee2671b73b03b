using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>Sorts columns of many rows side by side: a lane is a column, a vector of the buffer holds a row's values.</summary>
internal static unsafe class ColumnSort
{
    /// <summary>Rows of the buffer: whole blocks of the network.</summary>
    public static int BufferRows(int n) => (n + SortingNetwork.Block - 1) / SortingNetwork.Block * SortingNetwork.Block;

    /// <summary>Loads <paramref name="vectors"/> vectors of each row at column j and sorts, in the order of the floats.</summary>
    /// <param name="buffer">BufferRows(n) rows of so many vectors; the wanted rows are in place afterwards.</param>
    public static void Sort<TLanes, V>(float** rows, int n, long j, int vectors, int* pairs, int pairCount, float* buffer)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        nint stride = vectors * TLanes.Count;
        for (int block = 0; block < n; block += SortingNetwork.Block)
            for (int v = 0; v < vectors; v++)
                SortBlock<TLanes, V>(rows + block, n - block, j + (v * TLanes.Count), buffer + (block * stride) + (v * TLanes.Count), stride);

        if (vectors == 4)
        {
            for (int* end = pairs + (2 * pairCount); pairs < end; pairs += 2)
            {
                float* low = buffer + (pairs[0] * stride);
                float* high = buffer + (pairs[1] * stride);
                V a0 = TLanes.Load(low), a1 = TLanes.Load(low + TLanes.Count);
                V a2 = TLanes.Load(low + (2 * TLanes.Count)), a3 = TLanes.Load(low + (3 * TLanes.Count));
                V b0 = TLanes.Load(high), b1 = TLanes.Load(high + TLanes.Count);
                V b2 = TLanes.Load(high + (2 * TLanes.Count)), b3 = TLanes.Load(high + (3 * TLanes.Count));
                TLanes.Store(TLanes.OrderMin(a0, b0), low);
                TLanes.Store(TLanes.OrderMin(a1, b1), low + TLanes.Count);
                TLanes.Store(TLanes.OrderMin(a2, b2), low + (2 * TLanes.Count));
                TLanes.Store(TLanes.OrderMin(a3, b3), low + (3 * TLanes.Count));
                TLanes.Store(TLanes.OrderMax(a0, b0), high);
                TLanes.Store(TLanes.OrderMax(a1, b1), high + TLanes.Count);
                TLanes.Store(TLanes.OrderMax(a2, b2), high + (2 * TLanes.Count));
                TLanes.Store(TLanes.OrderMax(a3, b3), high + (3 * TLanes.Count));
            }
        }
        else
        {
            for (int* end = pairs + (2 * pairCount); pairs < end; pairs += 2)
            {
                float* low = buffer + (pairs[0] * stride);
                float* high = buffer + (pairs[1] * stride);
                for (int v = 0; v < stride; v += TLanes.Count)
                {
                    V a = TLanes.Load(low + v), b = TLanes.Load(high + v);
                    TLanes.Store(TLanes.OrderMin(a, b), low + v);
                    TLanes.Store(TLanes.OrderMax(a, b), high + v);
                }
            }
        }
    }

    // Eight rows in registers. Rows that are missing sort last.
    private static void SortBlock<TLanes, V>(float** rows, int count, long j, float* buffer, nint stride)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        V last = TLanes.All(BitConverter.Int32BitsToSingle(int.MaxValue));
        V a = TLanes.ToOrder(TLanes.Load(rows[0] + j));
        V b = count > 1 ? TLanes.ToOrder(TLanes.Load(rows[1] + j)) : last;
        V c = count > 2 ? TLanes.ToOrder(TLanes.Load(rows[2] + j)) : last;
        V d = count > 3 ? TLanes.ToOrder(TLanes.Load(rows[3] + j)) : last;
        V e = count > 4 ? TLanes.ToOrder(TLanes.Load(rows[4] + j)) : last;
        V f = count > 5 ? TLanes.ToOrder(TLanes.Load(rows[5] + j)) : last;
        V g = count > 6 ? TLanes.ToOrder(TLanes.Load(rows[6] + j)) : last;
        V h = count > 7 ? TLanes.ToOrder(TLanes.Load(rows[7] + j)) : last;

        Sort8<ExactOrder<TLanes, V>, V>(ref a, ref b, ref c, ref d, ref e, ref f, ref g, ref h);

        TLanes.Store(a, buffer);
        TLanes.Store(b, buffer + stride);
        TLanes.Store(c, buffer + (2 * stride));
        TLanes.Store(d, buffer + (3 * stride));
        TLanes.Store(e, buffer + (4 * stride));
        TLanes.Store(f, buffer + (5 * stride));
        TLanes.Store(g, buffer + (6 * stride));
        TLanes.Store(h, buffer + (7 * stride));
    }

    /// <summary>The 19 pairs that eight values need.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Sort8<TOrder, V>(ref V a, ref V b, ref V c, ref V d, ref V e, ref V f, ref V g, ref V h)
        where TOrder : struct, IColumnOrder<V>
        where V : unmanaged
    {
        Exchange<TOrder, V>(ref a, ref b);
        Exchange<TOrder, V>(ref c, ref d);
        Exchange<TOrder, V>(ref e, ref f);
        Exchange<TOrder, V>(ref g, ref h);
        Exchange<TOrder, V>(ref a, ref c);
        Exchange<TOrder, V>(ref b, ref d);
        Exchange<TOrder, V>(ref e, ref g);
        Exchange<TOrder, V>(ref f, ref h);
        Exchange<TOrder, V>(ref b, ref c);
        Exchange<TOrder, V>(ref f, ref g);
        Exchange<TOrder, V>(ref a, ref e);
        Exchange<TOrder, V>(ref b, ref f);
        Exchange<TOrder, V>(ref c, ref g);
        Exchange<TOrder, V>(ref d, ref h);
        Exchange<TOrder, V>(ref c, ref e);
        Exchange<TOrder, V>(ref d, ref f);
        Exchange<TOrder, V>(ref b, ref c);
        Exchange<TOrder, V>(ref d, ref e);
        Exchange<TOrder, V>(ref f, ref g);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Exchange<TOrder, V>(ref V low, ref V high)
        where TOrder : struct, IColumnOrder<V>
        where V : unmanaged
    {
        V smaller = TOrder.Min(low, high);
        high = TOrder.Max(low, high);
        low = smaller;
    }
}

using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>The medians of columns of up to <see cref="MostRows"/> rows, side by side: a lane is a column.</summary>
/// <remarks>Rows are sorted sixteen at a time, in registers, and merged to two runs. Of runs a and b only the place m in their order is taken: the least
/// max(a[i - 1], b[j - 1]) of all i + j = m + 1, for the i least of the one and the j least of the other are at most that. For 45 rows that is an eighth fewer comparisons than
/// a network whose outputs are pruned, and a fourth of its loads and stores. Networks: Knuth, The Art of Computer Programming 3, 5.3.4.</remarks>
internal static unsafe class ColumnMedian
{
    public const int MostRows = 4 * RunRows;

    private const int RunRows = 16;

    /// <summary>Rows of the buffer: whole runs.</summary>
    public static int BufferRows(int n) => (n + RunRows - 1) / RunRows * RunRows;

    /// <summary>The medians of a vector of columns.</summary>
    /// <param name="buffer">BufferRows(n) vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Of<TLanes, V>(float** rows, int n, long column, float* buffer)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
    {
        // Once more, exactly, where there is a value that is no number, or a zero in the middle.
        V median = Of<TLanes, V, NumberOrder<TLanes, V>>(rows, n, column, buffer, out V sum);
        if (TLanes.AreFinite(sum) && !TLanes.AnyZero(median)) return median;
        return Of<TLanes, V, ExactOrder<TLanes, V>>(rows, n, column, buffer, out _);
    }

    private static V Of<TLanes, V, TOrder>(float** rows, int n, long column, float* buffer, out V sum)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        nint stride = TLanes.Count;
        sum = TLanes.Zero;
        for (int run = 0; run < n; run += RunRows) sum = SortRun<TLanes, V, TOrder>(rows + run, n - run, column, buffer + (run * stride), sum);
        int first = n <= 2 * RunRows ? Math.Min(n, RunRows) : 2 * RunRows;
        if (n > 2 * RunRows) MergeRuns<TLanes, V, TOrder>(buffer);
        if (n > 3 * RunRows) MergeRuns<TLanes, V, TOrder>(buffer + (2 * RunRows * stride));

        float* second = buffer + (first * stride);
        V high = TOrder.Floats(Place<TLanes, V, TOrder>(buffer, first, second, n - first, n / 2));
        if (n % 2 == 1) return high;
        V low = TOrder.Floats(Place<TLanes, V, TOrder>(buffer, first, second, n - first, (n / 2) - 1));
        return TLanes.CanonicalNaN(TLanes.Multiply(TLanes.Add(low, high), TLanes.All(0.5f)));
    }

    // What is in place m of two sorted runs together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Place<TLanes, V, TOrder>(float* a, int aRows, float* b, int bRows, int m)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        nint stride = TLanes.Count;
        int j = Math.Max(0, m + 1 - aRows), most = Math.Min(bRows, m + 1);
        V place = TOrder.Last;
        if (j == 0)
        {
            place = TLanes.Load(a + (m * stride));
            j = 1;
        }

        for (; j <= Math.Min(most, m); j++)
            place = TOrder.Min(place, TOrder.Max(TLanes.Load(a + ((m - j) * stride)), TLanes.Load(b + ((j - 1) * stride))));
        return most == m + 1 ? TOrder.Min(place, TLanes.Load(b + (m * stride))) : place;
    }

    // Two sorted runs to one: their even places are merged in registers, and their odd ones; then neighbours are put in order.
    private static void MergeRuns<TLanes, V, TOrder>(float* runs)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        nint stride = TLanes.Count;
        MergeEverySecond<TLanes, V, TOrder>(runs);
        MergeEverySecond<TLanes, V, TOrder>(runs + stride);
        for (float* low = runs + stride, end = runs + (((2 * RunRows) - 1) * stride); low < end; low += 2 * stride)
        {
            V a = TLanes.Load(low), b = TLanes.Load(low + stride);
            ColumnSort.Exchange<TOrder, V>(ref a, ref b);
            TLanes.Store(a, low);
            TLanes.Store(b, low + stride);
        }
    }

    private static void MergeEverySecond<TLanes, V, TOrder>(float* to)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        nint stride = 2 * TLanes.Count;
        V a = TLanes.Load(to);
        V b = TLanes.Load(to + stride);
        V c = TLanes.Load(to + (2 * stride));
        V d = TLanes.Load(to + (3 * stride));
        V e = TLanes.Load(to + (4 * stride));
        V f = TLanes.Load(to + (5 * stride));
        V g = TLanes.Load(to + (6 * stride));
        V h = TLanes.Load(to + (7 * stride));
        V i = TLanes.Load(to + (8 * stride));
        V j = TLanes.Load(to + (9 * stride));
        V k = TLanes.Load(to + (10 * stride));
        V l = TLanes.Load(to + (11 * stride));
        V m = TLanes.Load(to + (12 * stride));
        V n = TLanes.Load(to + (13 * stride));
        V o = TLanes.Load(to + (14 * stride));
        V p = TLanes.Load(to + (15 * stride));

        MergeTo<TLanes, V, TOrder>(ref a, ref b, ref c, ref d, ref e, ref f, ref g, ref h, ref i, ref j, ref k, ref l, ref m, ref n, ref o, ref p, to, stride);
    }

    // Sixteen rows. Those that are missing sort last. Adds the others to a sum: it is finite only where all are numbers.
    private static V SortRun<TLanes, V, TOrder>(float** rows, int count, long column, float* to, V sum)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        nint stride = TLanes.Count;
        V last = TOrder.Last, more = TLanes.Zero;
        V a = Load<TLanes, V, TOrder>(rows[0] + column, ref sum);
        V b = count > 1 ? Load<TLanes, V, TOrder>(rows[1] + column, ref more) : last;
        V c = count > 2 ? Load<TLanes, V, TOrder>(rows[2] + column, ref sum) : last;
        V d = count > 3 ? Load<TLanes, V, TOrder>(rows[3] + column, ref more) : last;
        V e = count > 4 ? Load<TLanes, V, TOrder>(rows[4] + column, ref sum) : last;
        V f = count > 5 ? Load<TLanes, V, TOrder>(rows[5] + column, ref more) : last;
        V g = count > 6 ? Load<TLanes, V, TOrder>(rows[6] + column, ref sum) : last;
        V h = count > 7 ? Load<TLanes, V, TOrder>(rows[7] + column, ref more) : last;
        V i = count > 8 ? Load<TLanes, V, TOrder>(rows[8] + column, ref sum) : last;
        V j = count > 9 ? Load<TLanes, V, TOrder>(rows[9] + column, ref more) : last;
        V k = count > 10 ? Load<TLanes, V, TOrder>(rows[10] + column, ref sum) : last;
        V l = count > 11 ? Load<TLanes, V, TOrder>(rows[11] + column, ref more) : last;
        V m = count > 12 ? Load<TLanes, V, TOrder>(rows[12] + column, ref sum) : last;
        V n = count > 13 ? Load<TLanes, V, TOrder>(rows[13] + column, ref more) : last;
        V o = count > 14 ? Load<TLanes, V, TOrder>(rows[14] + column, ref sum) : last;
        V p = count > 15 ? Load<TLanes, V, TOrder>(rows[15] + column, ref more) : last;

        ColumnSort.Sort8<TOrder, V>(ref a, ref b, ref c, ref d, ref e, ref f, ref g, ref h);
        ColumnSort.Sort8<TOrder, V>(ref i, ref j, ref k, ref l, ref m, ref n, ref o, ref p);
        MergeTo<TLanes, V, TOrder>(ref a, ref b, ref c, ref d, ref e, ref f, ref g, ref h, ref i, ref j, ref k, ref l, ref m, ref n, ref o, ref p, to, stride);
        return TLanes.Add(sum, more);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Load<TLanes, V, TOrder>(float* from, ref V sum)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        V floats = TLanes.Load(from);
        sum = TLanes.Add(sum, floats);
        return TOrder.Of(floats);
    }

    // The 25 pairs that merge eight values in order with eight others, and all sixteen to memory.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MergeTo<TLanes, V, TOrder>(ref V a, ref V b, ref V c, ref V d, ref V e, ref V f, ref V g, ref V h, ref V i, ref V j, ref V k, ref V l, ref V m, ref V n, ref V o, ref V p, float* to, nint stride)
        where TLanes : struct, ILanes<V>
        where V : unmanaged
        where TOrder : struct, IColumnOrder<V>
    {
        ColumnSort.Exchange<TOrder, V>(ref a, ref i);
        ColumnSort.Exchange<TOrder, V>(ref b, ref j);
        ColumnSort.Exchange<TOrder, V>(ref c, ref k);
        ColumnSort.Exchange<TOrder, V>(ref d, ref l);
        ColumnSort.Exchange<TOrder, V>(ref e, ref m);
        ColumnSort.Exchange<TOrder, V>(ref f, ref n);
        ColumnSort.Exchange<TOrder, V>(ref g, ref o);
        ColumnSort.Exchange<TOrder, V>(ref h, ref p);
        ColumnSort.Exchange<TOrder, V>(ref e, ref i);
        ColumnSort.Exchange<TOrder, V>(ref f, ref j);
        ColumnSort.Exchange<TOrder, V>(ref g, ref k);
        ColumnSort.Exchange<TOrder, V>(ref h, ref l);
        ColumnSort.Exchange<TOrder, V>(ref c, ref e);
        ColumnSort.Exchange<TOrder, V>(ref d, ref f);
        ColumnSort.Exchange<TOrder, V>(ref g, ref i);
        ColumnSort.Exchange<TOrder, V>(ref h, ref j);
        ColumnSort.Exchange<TOrder, V>(ref k, ref m);
        ColumnSort.Exchange<TOrder, V>(ref l, ref n);
        ColumnSort.Exchange<TOrder, V>(ref b, ref c);
        ColumnSort.Exchange<TOrder, V>(ref d, ref e);
        ColumnSort.Exchange<TOrder, V>(ref f, ref g);
        ColumnSort.Exchange<TOrder, V>(ref h, ref i);
        ColumnSort.Exchange<TOrder, V>(ref j, ref k);
        ColumnSort.Exchange<TOrder, V>(ref l, ref m);
        ColumnSort.Exchange<TOrder, V>(ref n, ref o);

        TLanes.Store(a, to);
        TLanes.Store(b, to + stride);
        TLanes.Store(c, to + (2 * stride));
        TLanes.Store(d, to + (3 * stride));
        TLanes.Store(e, to + (4 * stride));
        TLanes.Store(f, to + (5 * stride));
        TLanes.Store(g, to + (6 * stride));
        TLanes.Store(h, to + (7 * stride));
        TLanes.Store(i, to + (8 * stride));
        TLanes.Store(j, to + (9 * stride));
        TLanes.Store(k, to + (10 * stride));
        TLanes.Store(l, to + (11 * stride));
        TLanes.Store(m, to + (12 * stride));
        TLanes.Store(n, to + (13 * stride));
        TLanes.Store(o, to + (14 * stride));
        TLanes.Store(p, to + (15 * stride));
    }
}

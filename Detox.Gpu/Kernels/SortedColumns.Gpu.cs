using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A column in order, in the registers of a GPU's thread: up to 64 values, read once; rows that are missing sort last.</summary>
/// <remarks>Blocks of eight are sorted by the 19 pairs that eight values need, then merged by Batcher's bitonic network. Beyond 64 rows a
/// column is sorted by insertion in scratch memory, where neighbouring threads' columns lie side by side.
/// Source: Knuth, The Art of Computer Programming 3, 5.3.4.</remarks>
internal static class SortedColumn
{
    /// <summary>The most rows that registers hold.</summary>
    public const int MostInRegisters = 64;

    /// <summary>Values of the columns that are sorted at a time where there are more rows.</summary>
    public const int ScratchValues = 1 << 22;

    internal static Eight Read8(long j, ArrayView<float> memory, ArrayView<long> offsets, int first, int rows)
    {
        Eight v = new()
        {
            A = Value(j, memory, offsets, first, rows),
            B = Value(j, memory, offsets, first + 1, rows),
            C = Value(j, memory, offsets, first + 2, rows),
            D = Value(j, memory, offsets, first + 3, rows),
            E = Value(j, memory, offsets, first + 4, rows),
            F = Value(j, memory, offsets, first + 5, rows),
            G = Value(j, memory, offsets, first + 6, rows),
            H = Value(j, memory, offsets, first + 7, rows),
        };
        Exchange(ref v.A, ref v.B);
        Exchange(ref v.C, ref v.D);
        Exchange(ref v.E, ref v.F);
        Exchange(ref v.G, ref v.H);
        Exchange(ref v.A, ref v.C);
        Exchange(ref v.B, ref v.D);
        Exchange(ref v.E, ref v.G);
        Exchange(ref v.F, ref v.H);
        Exchange(ref v.B, ref v.C);
        Exchange(ref v.F, ref v.G);
        Exchange(ref v.A, ref v.E);
        Exchange(ref v.B, ref v.F);
        Exchange(ref v.C, ref v.G);
        Exchange(ref v.D, ref v.H);
        Exchange(ref v.C, ref v.E);
        Exchange(ref v.D, ref v.F);
        Exchange(ref v.B, ref v.C);
        Exchange(ref v.D, ref v.E);
        Exchange(ref v.F, ref v.G);
        return v;
    }

    internal static Sixteen Read16(long j, ArrayView<float> memory, ArrayView<long> offsets, int first, int rows)
    {
        Sixteen v = new() { Low = Read8(j, memory, offsets, first, rows), High = Read8(j, memory, offsets, first + 8, rows) };
        v.High = v.High.Reversed();
        Order(ref v);
        return v;
    }

    internal static ThirtyTwo Read32(long j, ArrayView<float> memory, ArrayView<long> offsets, int first, int rows)
    {
        ThirtyTwo v = new() { Low = Read16(j, memory, offsets, first, rows), High = Read16(j, memory, offsets, first + 16, rows) };
        v.High = v.High.Reversed();
        Order(ref v);
        return v;
    }

    internal static SixtyFour Read64(long j, ArrayView<float> memory, ArrayView<long> offsets, int rows)
    {
        SixtyFour v = new() { Low = Read32(j, memory, offsets, 0, rows), High = Read32(j, memory, offsets, 32, rows) };
        v.High = v.High.Reversed();
        Exchange(ref v.Low.Low, ref v.High.Low);
        Exchange(ref v.Low.High, ref v.High.High);
        Order(ref v.Low);
        Order(ref v.High);
        return v;
    }

    /// <summary>Sorts one of many columns side by side: value i of column j is scratch[i * columns + j].</summary>
    internal static Column ReadTall(int j, long column, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<int> scratch, int columns)
    {
        Column sorted = new(scratch, j, columns);
        for (int i = 0; i < rows; i++)
        {
            int value = Kernels.Order.Of(memory[offsets[i] + column]);
            int at = i;
            while (at > 0)
            {
                int before = sorted.Get(at - 1);
                if (before <= value) break;
                sorted.Set(at, before);
                at--;
            }

            sorted.Set(at, value);
        }

        return sorted;
    }

    /// <summary>The median of the values in the places (rows - 1) / 2 and rows / 2.</summary>
    internal static float Middle(int low, int high, int rows)
    {
        float below = Kernels.Order.ToFloat(low), above = Kernels.Order.ToFloat(high);
        return rows % 2 == 1 ? below : Kernels.Order.CanonicalNaN(Portable.Multiply(Portable.Add(below, above), 0.5f));
    }

    private static int Value(long j, ArrayView<float> memory, ArrayView<long> offsets, int row, int rows)
    {
        int value = int.MaxValue;
        if (row < rows) value = Kernels.Order.Of(memory[offsets[row] + j]);
        return value;
    }

    // A bitonic sequence becomes a sorted one.
    private static void Order(ref ThirtyTwo v)
    {
        Exchange(ref v.Low, ref v.High);
        Order(ref v.Low);
        Order(ref v.High);
    }

    private static void Order(ref Sixteen v)
    {
        Exchange(ref v.Low, ref v.High);
        Order(ref v.Low);
        Order(ref v.High);
    }

    private static void Order(ref Eight v)
    {
        Exchange(ref v.A, ref v.E);
        Exchange(ref v.B, ref v.F);
        Exchange(ref v.C, ref v.G);
        Exchange(ref v.D, ref v.H);
        Exchange(ref v.A, ref v.C);
        Exchange(ref v.B, ref v.D);
        Exchange(ref v.E, ref v.G);
        Exchange(ref v.F, ref v.H);
        Exchange(ref v.A, ref v.B);
        Exchange(ref v.C, ref v.D);
        Exchange(ref v.E, ref v.F);
        Exchange(ref v.G, ref v.H);
    }

    private static void Exchange(ref Sixteen low, ref Sixteen high)
    {
        Exchange(ref low.Low, ref high.Low);
        Exchange(ref low.High, ref high.High);
    }

    private static void Exchange(ref Eight low, ref Eight high)
    {
        Exchange(ref low.A, ref high.A);
        Exchange(ref low.B, ref high.B);
        Exchange(ref low.C, ref high.C);
        Exchange(ref low.D, ref high.D);
        Exchange(ref low.E, ref high.E);
        Exchange(ref low.F, ref high.F);
        Exchange(ref low.G, ref high.G);
        Exchange(ref low.H, ref high.H);
    }

    private static void Exchange(ref int low, ref int high)
    {
        int smaller = Math.Min(low, high);
        high = Math.Max(low, high);
        low = smaller;
    }

    internal struct Eight
    {
        public int A, B, C, D, E, F, G, H;

        public readonly Eight Reversed() => new() { A = H, B = G, C = F, D = E, E = D, F = C, G = B, H = A };

        public readonly int At(int i)
        {
            int low = i % 4 == 0 ? A : i % 4 == 1 ? B : i % 4 == 2 ? C : D;
            int high = i % 4 == 0 ? E : i % 4 == 1 ? F : i % 4 == 2 ? G : H;
            return i < 4 ? low : high;
        }

        public readonly void Keep(ArrayView<int> to, int first)
        {
            to[first] = A;
            to[first + 1] = B;
            to[first + 2] = C;
            to[first + 3] = D;
            to[first + 4] = E;
            to[first + 5] = F;
            to[first + 6] = G;
            to[first + 7] = H;
        }
    }

    internal struct Sixteen
    {
        public Eight Low, High;

        public readonly Sixteen Reversed() => new() { Low = High.Reversed(), High = Low.Reversed() };

        public readonly int At(int i) => i < 8 ? Low.At(i) : High.At(i - 8);

        public readonly void Keep(ArrayView<int> to, int first)
        {
            Low.Keep(to, first);
            High.Keep(to, first + 8);
        }
    }

    internal struct ThirtyTwo
    {
        public Sixteen Low, High;

        public readonly ThirtyTwo Reversed() => new() { Low = High.Reversed(), High = Low.Reversed() };

        public readonly int At(int i) => i < 16 ? Low.At(i) : High.At(i - 16);

        public readonly void Keep(ArrayView<int> to, int first)
        {
            Low.Keep(to, first);
            High.Keep(to, first + 16);
        }
    }

    internal struct SixtyFour
    {
        public ThirtyTwo Low, High;

        public readonly int At(int i) => i < 32 ? Low.At(i) : High.At(i - 32);

        public readonly void Keep(ArrayView<int> to)
        {
            Low.Keep(to, 0);
            High.Keep(to, 32);
        }
    }

    /// <summary>A sorted column in memory.</summary>
    internal readonly struct Column(ArrayView<int> memory, int start, int stride)
    {
        public int Get(int i) => memory[start + ((long)i * stride)];

        public void Set(int i, int value) => memory[start + ((long)i * stride)] = value;
    }
}

internal static partial class CoordinateMedian
{
    /// <summary>One thread a column of up to 16 rows; neighbours read neighbouring floats.</summary>
    internal static void Kernel16(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<float> output)
    {
        SortedColumn.Sixteen sorted = SortedColumn.Read16(j, memory, offsets, 0, rows);
        output[j] = SortedColumn.Middle(sorted.At((rows - 1) / 2), sorted.At(rows / 2), rows);
    }

    internal static void Kernel32(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<float> output)
    {
        SortedColumn.ThirtyTwo sorted = SortedColumn.Read32(j, memory, offsets, 0, rows);
        output[j] = SortedColumn.Middle(sorted.At((rows - 1) / 2), sorted.At(rows / 2), rows);
    }

    internal static void Kernel64(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<float> output)
    {
        SortedColumn.SixtyFour sorted = SortedColumn.Read64(j, memory, offsets, rows);
        output[j] = SortedColumn.Middle(sorted.At((rows - 1) / 2), sorted.At(rows / 2), rows);
    }

    /// <summary>Any number of rows; the columns from <paramref name="first"/> on, as many as scratch has room for.</summary>
    internal static void TallKernel(
        Index1D j, long first, ArrayView<float> memory, ArrayView<long> offsets, int rows, ArrayView<int> scratch, int columns, ArrayView<float> output)
    {
        SortedColumn.Column sorted = SortedColumn.ReadTall(j, first + j, memory, offsets, rows, scratch, columns);
        output[first + j] = SortedColumn.Middle(sorted.Get((rows - 1) / 2), sorted.Get(rows / 2), rows);
    }
}

internal static partial class MeanAroundMedian
{
    /// <summary>One thread a column of up to 16 rows; neighbours read neighbouring floats.</summary>
    internal static void Kernel16(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, int keep, ArrayView<float> output)
    {
        ArrayView<int> sorted = LocalMemory.Allocate<int>(16);
        SortedColumn.Read16(j, memory, offsets, 0, rows).Keep(sorted, 0);
        output[j] = Around(new SortedColumn.Column(sorted, 0, 1), rows, keep);
    }

    internal static void Kernel32(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, int keep, ArrayView<float> output)
    {
        ArrayView<int> sorted = LocalMemory.Allocate<int>(32);
        SortedColumn.Read32(j, memory, offsets, 0, rows).Keep(sorted, 0);
        output[j] = Around(new SortedColumn.Column(sorted, 0, 1), rows, keep);
    }

    internal static void Kernel64(Index1D j, ArrayView<float> memory, ArrayView<long> offsets, int rows, int keep, ArrayView<float> output)
    {
        ArrayView<int> sorted = LocalMemory.Allocate<int>(64);
        SortedColumn.Read64(j, memory, offsets, rows).Keep(sorted);
        output[j] = Around(new SortedColumn.Column(sorted, 0, 1), rows, keep);
    }

    /// <summary>Any number of rows; the columns from <paramref name="first"/> on, as many as scratch has room for.</summary>
    internal static void TallKernel(
        Index1D j, long first, ArrayView<float> memory, ArrayView<long> offsets, int rows, int keep, ArrayView<int> scratch, int columns, ArrayView<float> output)
        => output[first + j] = Around(SortedColumn.ReadTall(j, first + j, memory, offsets, rows, scratch, columns), rows, keep);

    private static float Around(SortedColumn.Column column, int rows, int keep)
    {
        float median = SortedColumn.Middle(column.Get((rows - 1) / 2), column.Get(rows / 2), rows);
        int start = 0;
        while (start < rows - keep
            && Portable.Less(Portable.Subtract(Order.ToFloat(column.Get(start + keep)), median), Portable.Subtract(median, Order.ToFloat(column.Get(start)))))
        {
            start++;
        }

        float sum = 0;
        for (int i = start; i < start + keep; i++) sum = Portable.Add(sum, Order.ToFloat(column.Get(i)));
        return Order.CanonicalNaN(Portable.Divide(sum, keep));
    }
}

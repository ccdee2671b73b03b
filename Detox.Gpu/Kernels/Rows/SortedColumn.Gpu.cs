using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>A column in order, in the registers of a GPU's thread: up to 64 values, read once; rows that are missing sort last.</summary>
/// <remarks>Blocks of eight are sorted by the 19 pairs that eight values need, then merged by Batcher's bitonic network.
/// Source: Knuth, The Art of Computer Programming 3, 5.3.4.</remarks>
internal static class SortedColumn
{
    internal static Eight Read8(long j, DeviceRows rows, int first)
    {
        Eight v = new()
        {
            A = Value(j, rows, first),
            B = Value(j, rows, first + 1),
            C = Value(j, rows, first + 2),
            D = Value(j, rows, first + 3),
            E = Value(j, rows, first + 4),
            F = Value(j, rows, first + 5),
            G = Value(j, rows, first + 6),
            H = Value(j, rows, first + 7),
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

    internal static Sixteen Read16(long j, DeviceRows rows, int first)
    {
        Sixteen v = new() { Low = Read8(j, rows, first), High = Read8(j, rows, first + 8) };
        v.High = v.High.Reversed();
        Order(ref v);
        return v;
    }

    internal static ThirtyTwo Read32(long j, DeviceRows rows, int first)
    {
        ThirtyTwo v = new() { Low = Read16(j, rows, first), High = Read16(j, rows, first + 16) };
        v.High = v.High.Reversed();
        Order(ref v);
        return v;
    }

    internal static SixtyFour Read64(long j, DeviceRows rows, int first)
    {
        SixtyFour v = new() { Low = Read32(j, rows, first), High = Read32(j, rows, first + 32) };
        v.High = v.High.Reversed();
        Exchange(ref v.Low.Low, ref v.High.Low);
        Exchange(ref v.Low.High, ref v.High.High);
        Order(ref v.Low);
        Order(ref v.High);
        return v;
    }

    /// <summary>Puts in order what a merge has brought within 64 values of its place.</summary>
    internal static SixtyFour Merge64(ColumnMemory column, int first)
    {
        SixtyFour v = new() { Low = Take32(column, first), High = Take32(column, first + 32) };
        Exchange(ref v.Low.Low, ref v.High.Low);
        Exchange(ref v.Low.High, ref v.High.High);
        Order(ref v.Low);
        Order(ref v.High);
        return v;
    }

    private static ThirtyTwo Take32(ColumnMemory column, int first)
        => new() { Low = Take16(column, first), High = Take16(column, first + 16) };

    private static Sixteen Take16(ColumnMemory column, int first)
        => new() { Low = Take8(column, first), High = Take8(column, first + 8) };

    private static Eight Take8(ColumnMemory column, int first) => new()
    {
        A = column.Value(first),
        B = column.Value(first + 1),
        C = column.Value(first + 2),
        D = column.Value(first + 3),
        E = column.Value(first + 4),
        F = column.Value(first + 5),
        G = column.Value(first + 6),
        H = column.Value(first + 7),
    };

    private static int Value(long j, DeviceRows rows, int row)
    {
        int value = int.MaxValue;
        if (row < rows.Count) value = Kernels.Order.Of(rows[row, j]);
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

        public readonly void Keep(ColumnMemory to, int first)
        {
            to.Keep(first, A);
            to.Keep(first + 1, B);
            to.Keep(first + 2, C);
            to.Keep(first + 3, D);
            to.Keep(first + 4, E);
            to.Keep(first + 5, F);
            to.Keep(first + 6, G);
            to.Keep(first + 7, H);
        }
    }

    internal struct Sixteen
    {
        public Eight Low, High;

        public readonly Sixteen Reversed() => new() { Low = High.Reversed(), High = Low.Reversed() };

        public readonly int At(int i) => i < 8 ? Low.At(i) : High.At(i - 8);

        public readonly void Keep(ColumnMemory to, int first)
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

        public readonly void Keep(ColumnMemory to, int first)
        {
            Low.Keep(to, first);
            High.Keep(to, first + 16);
        }
    }

    internal struct SixtyFour
    {
        public ThirtyTwo Low, High;

        public readonly int At(int i) => i < 32 ? Low.At(i) : High.At(i - 32);

        public readonly void Keep(ColumnMemory to, int first)
        {
            Low.Keep(to, first);
            High.Keep(to, first + 32);
        }
    }
}

using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>The factors of one row or column of a product, one after another, wherever they lie.</summary>
/// <remarks>A matrix may have more floats than an int counts. What a row or column of one product spans has not: its steps are ints
/// behind a view of where it begins.</remarks>
internal interface IFactors
{
    /// <summary>Goes to the first factor of a row or column.</summary>
    void Begin(int index);

    float Next();

    void Skip(int factors);
}

/// <summary>Takes the sums of a product.</summary>
internal interface IProductSink
{
    /// <summary>Where a row of sums goes.</summary>
    ArrayView<float> Row(int row);

    /// <summary>What becomes of a sum.</summary>
    float Finish(int column, float sum);
}

/// <summary>The tile that a group computes, of one of many equal products: a batch.</summary>
internal readonly struct ProductTile(int rows, int columns, int firstRow, int firstColumn, int batch)
{
    /// <summary>Of the whole product.</summary>
    public int Rows => rows;

    /// <summary>Of the whole product.</summary>
    public int Columns => columns;

    public int FirstRow => firstRow;

    public int FirstColumn => firstColumn;

    public int Batch => batch;
}

/// <summary>A product of matrices on a GPU: 128 threads compute 128 rows by 64 columns, each thread 8 by 8 sums in registers.</summary>
/// <remarks>Eight terms of all rows and columns at a time lie in shared memory, where each is read by many threads. A sum is
/// one chain of fused multiply-adds over the terms, ascending, from +0; the tile changes no bit. Thread (i, j) of 16 by 8 has rows
/// 4i and 64 + 4i, and columns 4j and 32 + 4j, four each: neighbours read neighbouring words of shared memory.</remarks>
internal static class TiledProduct
{
    public const int Rows = 128;
    public const int Columns = 64;
    public const int Threads = 128;
    private const int Depth = 8;
    private const int ColumnThreads = 8;

    /// <summary>The groups that cover a product, or as many products as there are batches.</summary>
    public static long Groups(int rows, int columns, int batches = 1) => (long)Blocks(rows, Rows) * Blocks(columns, Columns) * batches;

    /// <summary>This group's tile: their numbers go down the rows, then across the columns, then through the batches.</summary>
    public static ProductTile Tile(int rows, int columns)
    {
        int down = Blocks(rows, Rows), across = Blocks(columns, Columns), group = Grid.IdxX;
        return new(rows, columns, group % down * Rows, group / down % across * Columns, group / down / across);
    }

    /// <summary>The whole product of this group.</summary>
    public static void Run<TLeft, TRight, TSink>(ProductTile tile, TLeft left, TRight right, TSink sink, int terms)
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
        where TSink : struct, IProductSink
    {
        ArrayView<Four> leftTile = SharedMemory.Allocate<Four>(Rows * Depth / 4), rightTile = SharedMemory.Allocate<Four>(Columns * Depth / 4);
        Begin(tile, ref left, ref right);
        Sums sums = Chain(tile, ref left, ref right, terms, leftTile, rightTile);
        Store(tile, sink, sums);
    }

    /// <summary>Sets both sides to the first terms that this thread brings: its row, and half of those of its column.</summary>
    public static void Begin<TLeft, TRight>(ProductTile tile, ref TLeft left, ref TRight right)
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        int thread = Group.IdxX, row = tile.FirstRow + thread, column = tile.FirstColumn + (thread % Columns);
        left.Begin(row < tile.Rows ? row : 0);
        right.Begin(column < tile.Columns ? column : 0);
        right.Skip(thread / Columns * (Depth / 2));
    }

    public static Sums Chain<TLeft, TRight>(
        ProductTile tile, ref TLeft left, ref TRight right, int terms, ArrayView<Four> leftTile, ArrayView<Four> rightTile)
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        ArrayView<float> leftFloats = leftTile.Cast<float>(), rightFloats = rightTile.Cast<float>();
        int thread = Group.IdxX, column = thread % Columns, half = thread / Columns * (Depth / 2);
        bool hasRow = tile.FirstRow + thread < tile.Rows, hasColumn = tile.FirstColumn + column < tile.Columns;
        int i = thread / ColumnThreads, j = thread % ColumnThreads;
        Sums sums = default;
        for (int first = 0; first < terms; first += Depth)
        {
            int depth = terms - first;
            for (int k = 0; k < Depth; k++)
            {
                float value = 0;
                if (hasRow & k < depth) value = left.Next();
                leftFloats[(k * Rows) + thread] = value;
            }

            for (int k = 0; k < Depth / 2; k++)
            {
                float value = 0;
                if (hasColumn & half + k < depth) value = right.Next();
                rightFloats[((half + k) * Columns) + column] = value;
            }

            right.Skip(Depth / 2);
            Group.Barrier();

            // Terms that are not there are left out: a further fma with zeros would make +0 of -0.
            if (depth >= Depth)
            {
                for (int k = 0; k < Depth; k++) sums.Add(leftTile, (k * Rows / 4) + i, rightTile, (k * Columns / 4) + j);
            }
            else
            {
                for (int k = 0; k < depth; k++) sums.Add(leftTile, (k * Rows / 4) + i, rightTile, (k * Columns / 4) + j);
            }

            Group.Barrier();
        }

        return sums;
    }

    public static void Store<TSink>(ProductTile tile, TSink sink, Sums sums)
        where TSink : struct, IProductSink
    {
        int thread = Group.IdxX;
        int row = tile.FirstRow + (thread / ColumnThreads * 4), column = tile.FirstColumn + (thread % ColumnThreads * 4);
        StoreRow(tile, sink, sums.Row0, row, column);
        StoreRow(tile, sink, sums.Row1, row + 1, column);
        StoreRow(tile, sink, sums.Row2, row + 2, column);
        StoreRow(tile, sink, sums.Row3, row + 3, column);
        StoreRow(tile, sink, sums.Row4, row + (Rows / 2), column);
        StoreRow(tile, sink, sums.Row5, row + (Rows / 2) + 1, column);
        StoreRow(tile, sink, sums.Row6, row + (Rows / 2) + 2, column);
        StoreRow(tile, sink, sums.Row7, row + (Rows / 2) + 3, column);
    }

    private static void StoreRow<TSink>(ProductTile tile, TSink sink, Eight sums, int row, int column)
        where TSink : struct, IProductSink
    {
        if (row >= tile.Rows) return;
        ArrayView<float> to = sink.Row(row);
        StoreFour(sink, sums.Low, to, column, tile.Columns);
        StoreFour(sink, sums.High, to, column + (Columns / 2), tile.Columns);
    }

    private static void StoreFour<TSink>(TSink sink, Four sums, ArrayView<float> to, int column, int columns)
        where TSink : struct, IProductSink
    {
        if (column < columns) to[column] = sink.Finish(column, sums.A);
        if (column + 1 < columns) to[column + 1] = sink.Finish(column + 1, sums.B);
        if (column + 2 < columns) to[column + 2] = sink.Finish(column + 2, sums.C);
        if (column + 3 < columns) to[column + 3] = sink.Finish(column + 3, sums.D);
    }

    /// <summary>Four neighbouring floats, moved at once.</summary>
    public struct Four
    {
        public float A, B, C, D;

        public readonly Four PlusProduct(float left, Four right) => new()
        {
            A = Portable.Fma(left, right.A, A),
            B = Portable.Fma(left, right.B, B),
            C = Portable.Fma(left, right.C, C),
            D = Portable.Fma(left, right.D, D),
        };

        public readonly Four Plus(Four other) => new()
        {
            A = Portable.Add(A, other.A),
            B = Portable.Add(B, other.B),
            C = Portable.Add(C, other.C),
            D = Portable.Add(D, other.D),
        };
    }

    /// <summary>A thread's sums of one row.</summary>
    public struct Eight
    {
        public Four Low, High;

        public readonly Eight PlusProduct(float left, Four low, Four high) => new() { Low = Low.PlusProduct(left, low), High = High.PlusProduct(left, high) };

        public readonly Eight Plus(Eight other) => new() { Low = Low.Plus(other.Low), High = High.Plus(other.High) };
    }

    /// <summary>A thread's sums: rows by columns, 8 by 8.</summary>
    public struct Sums
    {
        public Eight Row0, Row1, Row2, Row3, Row4, Row5, Row6, Row7;

        /// <summary>One term of every sum.</summary>
        public void Add(ArrayView<Four> left, int row, ArrayView<Four> right, int column)
        {
            Four low = right[column], high = right[column + ColumnThreads];
            Four rows = left[row];
            Row0 = Row0.PlusProduct(rows.A, low, high);
            Row1 = Row1.PlusProduct(rows.B, low, high);
            Row2 = Row2.PlusProduct(rows.C, low, high);
            Row3 = Row3.PlusProduct(rows.D, low, high);
            rows = left[row + (Rows / 8)];
            Row4 = Row4.PlusProduct(rows.A, low, high);
            Row5 = Row5.PlusProduct(rows.B, low, high);
            Row6 = Row6.PlusProduct(rows.C, low, high);
            Row7 = Row7.PlusProduct(rows.D, low, high);
        }

        /// <summary>Adds what another tile has summed, in the rows that take part in it.</summary>
        public void AddWhere(ArrayView<int> takesPart, Sums other)
        {
            int row = Group.IdxX / ColumnThreads * 4;
            if (takesPart[row] != 0) Row0 = Row0.Plus(other.Row0);
            if (takesPart[row + 1] != 0) Row1 = Row1.Plus(other.Row1);
            if (takesPart[row + 2] != 0) Row2 = Row2.Plus(other.Row2);
            if (takesPart[row + 3] != 0) Row3 = Row3.Plus(other.Row3);
            if (takesPart[row + (Rows / 2)] != 0) Row4 = Row4.Plus(other.Row4);
            if (takesPart[row + (Rows / 2) + 1] != 0) Row5 = Row5.Plus(other.Row5);
            if (takesPart[row + (Rows / 2) + 2] != 0) Row6 = Row6.Plus(other.Row6);
            if (takesPart[row + (Rows / 2) + 3] != 0) Row7 = Row7.Plus(other.Row7);
        }
    }

    /// <summary>Factors side by side: rows of a left matrix, or of a right one that is turned.</summary>
    public struct Contiguous(ArrayView<float> memory, int length) : IFactors
    {
        private ArrayView<float> _from;
        private int _at;

        public void Begin(int index)
        {
            _from = memory.SubView((long)index * length);
            _at = 0;
        }

        public float Next() => _from[_at++];

        public void Skip(int factors) => _at += factors;
    }

    /// <summary>Factors one row apart: columns of a right matrix.</summary>
    public struct Strided(ArrayView<float> memory, int stride) : IFactors
    {
        private int _at;

        public void Begin(int index) => _at = index;

        public float Next()
        {
            float value = memory[_at];
            _at += stride;
            return value;
        }

        public void Skip(int factors) => _at += factors * stride;
    }

    /// <summary>Sums as they are, row after row.</summary>
    public readonly struct Rowwise(ArrayView<float> memory, int stride) : IProductSink
    {
        public ArrayView<float> Row(int row) => memory.SubView((long)row * stride);

        public float Finish(int column, float sum) => sum;
    }

    private static int Blocks(int length, int block) => (length + block - 1) / block;
}

using Detox.Gpu.Devices.Ilgpu;
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

/// <summary>A product as a kernel. How many rows a group's tile has depends on the sums that each of its threads keeps.</summary>
internal interface IProduct
{
    void Run<TSums>()
        where TSums : struct, ISums<TSums>;
}

/// <summary>A thread's sums: some rows by eight columns.</summary>
internal interface ISums<TSelf>
    where TSelf : struct
{
    /// <summary>How many rows.</summary>
    static abstract int Rows { get; }

    /// <summary>One term of every sum.</summary>
    /// <param name="left">The term's factors of all rows; those of this thread begin at <paramref name="first"/>.</param>
    void Add(ArrayView<float> left, int first, TiledProduct.Eight right);

    /// <summary>Adds what another product has summed, in the rows that take part in it.</summary>
    void AddWhere(ArrayView<int> takesPart, int first, TSelf other);

    void Store<TSink>(ProductTile tile, TSink sink, int row, int column)
        where TSink : struct, IProductSink;
}

/// <summary>A product whose threads keep so many sums.</summary>
internal readonly struct Tiled<TProduct, TSums>(TProduct product) : IKernel
    where TProduct : struct, IProduct
    where TSums : struct, ISums<TSums>
{
    public static int Threads => TiledProduct.Threads;

    public void Run() => product.Run<TSums>();
}

/// <summary>A product of matrices on a GPU: 128 threads compute up to 128 rows by 64 columns, each thread some rows by eight columns in registers.</summary>
/// <remarks>Sixteen terms of all rows and columns at a time lie in one half of the shared memory, where each is read by many threads, while the
/// next sixteen are on their way to registers and then to the other half: one barrier for sixteen terms. A sum is one chain of fused multiply-adds over the terms, ascending, from +0; the tile changes no bit.
/// Thread (i, j) of 16 by 8 has neighbouring rows, and every eighth column from j on: neighbours read neighbouring words of shared memory.</remarks>
internal static class TiledProduct
{
    public const int Columns = 64;
    public const int Threads = 128;
    public const int MostRows = RowThreads * 8;

    /// <summary>Floats of shared memory for the tiles of the two sides.</summary>
    public const int LeftFloats = 2 * LeftHalf;
    public const int RightFloats = 2 * RightHalf;

    private const int Depth = 16;
    private const int LeftHalf = MostRows * Depth;
    private const int RightHalf = Columns * Depth;
    private const int ColumnThreads = 8;
    private const int RowThreads = Threads / ColumnThreads;

    /// <summary>Starts the groups that cover a product, or as many equal products as there are batches, with tiles no higher than it takes.</summary>
    public static void Launch<TProduct>(IlgpuDevice device, int rows, int columns, long batches, in TProduct product)
        where TProduct : struct, IProduct
    {
        if (rows <= RowThreads * Sums2.Rows) device.Launch(Groups<Sums2>(rows, columns, batches), new Tiled<TProduct, Sums2>(product));
        else if (rows <= RowThreads * Sums4.Rows) device.Launch(Groups<Sums4>(rows, columns, batches), new Tiled<TProduct, Sums4>(product));
        else device.Launch(Groups<Sums8>(rows, columns, batches), new Tiled<TProduct, Sums8>(product));
    }

    /// <summary>This group's tile: their numbers go down the rows, then across the columns, then through the batches.</summary>
    public static ProductTile Tile<TSums>(int rows, int columns)
        where TSums : struct, ISums<TSums>
    {
        int height = RowThreads * TSums.Rows, down = (int)Blocks(rows, height), across = (int)Blocks(columns, Columns), group = Grid.IdxX;
        return new(rows, columns, group % down * height, group / down % across * Columns, group / down / across);
    }

    /// <summary>The whole product of this group.</summary>
    public static void Run<TSums, TLeft, TRight, TSink>(ProductTile tile, TLeft left, TRight right, TSink sink, int terms)
        where TSums : struct, ISums<TSums>
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
        where TSink : struct, IProductSink
    {
        ArrayView<float> leftTile = SharedMemory.Allocate<float>(LeftFloats), rightTile = SharedMemory.Allocate<float>(RightFloats);
        TSums sums = default;
        Begin<TSums, TLeft, TRight>(tile, ref left, ref right);
        Chain(tile, ref left, ref right, terms, leftTile, rightTile, ref sums);
        Store(tile, sink, sums);
    }

    /// <summary>The row of the tile of which this thread brings terms.</summary>
    public static int OwnRow<TSums>()
        where TSums : struct, ISums<TSums>
        => Group.IdxX % (RowThreads * TSums.Rows);

    /// <summary>Sets both sides to the first terms that this thread brings: a share of those of its row, and half of those of its column.</summary>
    public static void Begin<TSums, TLeft, TRight>(ProductTile tile, ref TLeft left, ref TRight right)
        where TSums : struct, ISums<TSums>
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        int thread = Group.IdxX, row = tile.FirstRow + OwnRow<TSums>(), column = tile.FirstColumn + (thread % Columns);
        left.Begin(row < tile.Rows ? row : 0);
        if (TSums.Rows < 8) left.Skip(thread / (RowThreads * TSums.Rows) * (2 * TSums.Rows));
        right.Begin(column < tile.Columns ? column : 0);
        right.Skip(thread / Columns * (Depth / 2));
    }

    /// <summary>Adds all terms to the sums, which begin at +0.</summary>
    public static void Chain<TSums, TLeft, TRight>(
        ProductTile tile, ref TLeft left, ref TRight right, int terms, ArrayView<float> leftTile, ArrayView<float> rightTile, ref TSums sums)
        where TSums : struct, ISums<TSums>
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        // A thread brings 16, 8 or 4 terms of its row, and 8 of its column.
        int height = RowThreads * TSums.Rows, thread = Group.IdxX, share = 2 * TSums.Rows;
        int ownRow = OwnRow<TSums>(), ownColumn = thread % Columns, fromLeft = thread / height * share, fromRight = thread / Columns * (Depth / 2);
        bool hasRow = tile.FirstRow + ownRow < tile.Rows, hasColumn = tile.FirstColumn + ownColumn < tile.Columns;
        int i = thread / ColumnThreads, j = thread % ColumnThreads;
        int leftCount = hasRow ? terms - fromLeft : 0, rightCount = hasColumn ? terms - fromRight : 0;
        int leftTo = (fromLeft * height) + ownRow, rightTo = (fromRight * Columns) + ownColumn, half = 0;
        Take<TSums, TLeft, TRight>(ref left, ref right, leftCount, rightCount).Store<TSums>(leftTile, leftTo, rightTile, rightTo);
        for (int first = 0; first < terms; first += Depth)
        {
            // The half that is written now was read before this barrier.
            Group.Barrier();
            leftCount -= Depth;
            rightCount -= Depth;
            Brought next = default;
            if (first + Depth < terms)
            {
                left.Skip(Depth - share);
                right.Skip(Depth / 2);
                next = Take<TSums, TLeft, TRight>(ref left, ref right, leftCount, rightCount);
            }

            // From here on places are constants, which an instruction holds.
            ArrayView<float> ownLeft = leftTile.SubView(half * LeftHalf).SubView(i * TSums.Rows), ownRight = rightTile.SubView((half * RightHalf) + j);

            // Terms that are not there are left out: a further fma with zeros would make +0 of -0.
            if (first + Depth <= terms)
            {
                Term(ref sums, 0, ownLeft, ownRight);
                Term(ref sums, 1, ownLeft, ownRight);
                Term(ref sums, 2, ownLeft, ownRight);
                Term(ref sums, 3, ownLeft, ownRight);
                Term(ref sums, 4, ownLeft, ownRight);
                Term(ref sums, 5, ownLeft, ownRight);
                Term(ref sums, 6, ownLeft, ownRight);
                Term(ref sums, 7, ownLeft, ownRight);
                Term(ref sums, 8, ownLeft, ownRight);
                Term(ref sums, 9, ownLeft, ownRight);
                Term(ref sums, 10, ownLeft, ownRight);
                Term(ref sums, 11, ownLeft, ownRight);
                Term(ref sums, 12, ownLeft, ownRight);
                Term(ref sums, 13, ownLeft, ownRight);
                Term(ref sums, 14, ownLeft, ownRight);
                Term(ref sums, 15, ownLeft, ownRight);
            }
            else
            {
                for (int k = 0; k < terms - first; k++) Term(ref sums, k, ownLeft, ownRight);
            }

            half = 1 - half;
            if (first + Depth < terms) next.Store<TSums>(leftTile, leftTo + (half * LeftHalf), rightTile, rightTo + (half * RightHalf));
        }
    }

    public static void Store<TSums, TSink>(ProductTile tile, TSink sink, TSums sums)
        where TSums : struct, ISums<TSums>
        where TSink : struct, IProductSink
        => sums.Store(tile, sink, tile.FirstRow + FirstRow<TSums>(), tile.FirstColumn + (Group.IdxX % ColumnThreads));

    /// <summary>The first of this thread's rows in the tile.</summary>
    public static int FirstRow<TSums>()
        where TSums : struct, ISums<TSums>
        => Group.IdxX / ColumnThreads * TSums.Rows;

    private static long Groups<TSums>(int rows, int columns, long batches)
        where TSums : struct, ISums<TSums>
        => Blocks(rows, RowThreads * TSums.Rows) * Blocks(columns, Columns) * batches;

    private static void Term<TSums>(ref TSums sums, int k, ArrayView<float> ownLeft, ArrayView<float> ownRight)
        where TSums : struct, ISums<TSums>
    {
        int at = k * Columns;
        Eight right = new()
        {
            Low = new() { A = ownRight[at], B = ownRight[at + 8], C = ownRight[at + 16], D = ownRight[at + 24] },
            High = new() { A = ownRight[at + 32], B = ownRight[at + 40], C = ownRight[at + 48], D = ownRight[at + 56] },
        };
        sums.Add(ownLeft, k * RowThreads * TSums.Rows, right);
    }

    // All of a thread's share, before any of it is stored.
    private static Brought Take<TSums, TLeft, TRight>(ref TLeft left, ref TRight right, int leftCount, int rightCount)
        where TSums : struct, ISums<TSums>
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        Brought brought = default;
        if (leftCount >= 2 * TSums.Rows)
        {
            brought.Left.Low = Four.Take(ref left);
            if (TSums.Rows >= 4) brought.Left.High = Four.Take(ref left);
            if (TSums.Rows >= 8) brought.LeftToo.Low = Four.Take(ref left);
            if (TSums.Rows >= 8) brought.LeftToo.High = Four.Take(ref left);
        }
        else
        {
            brought.Left.Low = Four.Take(ref left, leftCount);
            if (TSums.Rows >= 4) brought.Left.High = Four.Take(ref left, leftCount - 4);
            if (TSums.Rows >= 8) brought.LeftToo.Low = Four.Take(ref left, leftCount - 8);
            if (TSums.Rows >= 8) brought.LeftToo.High = Four.Take(ref left, leftCount - 12);
        }

        if (rightCount >= Depth / 2)
        {
            brought.Right.Low = Four.Take(ref right);
            brought.Right.High = Four.Take(ref right);
        }
        else
        {
            brought.Right.Low = Four.Take(ref right, rightCount);
            brought.Right.High = Four.Take(ref right, rightCount - 4);
        }

        return brought;
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
        if (column + 8 < columns) to[column + 8] = sink.Finish(column + 8, sums.B);
        if (column + 16 < columns) to[column + 16] = sink.Finish(column + 16, sums.C);
        if (column + 24 < columns) to[column + 24] = sink.Finish(column + 24, sums.D);
    }

    private static long Blocks(int length, int block) => (length + block - 1) / block;

    /// <summary>What a thread brings for the next terms.</summary>
    private struct Brought
    {
        public Eight Left, LeftToo, Right;

        public readonly void Store<TSums>(ArrayView<float> leftTile, int leftTo, ArrayView<float> rightTile, int rightTo)
            where TSums : struct, ISums<TSums>
        {
            int height = RowThreads * TSums.Rows;
            Left.Low.Store(leftTile, leftTo, height);
            if (TSums.Rows >= 4) Left.High.Store(leftTile, leftTo + (4 * height), height);
            if (TSums.Rows >= 8) LeftToo.Low.Store(leftTile, leftTo + (8 * height), height);
            if (TSums.Rows >= 8) LeftToo.High.Store(leftTile, leftTo + (12 * height), height);
            Right.Low.Store(rightTile, rightTo, Columns);
            Right.High.Store(rightTile, rightTo + (4 * Columns), Columns);
        }
    }

    /// <summary>Four floats; where they are neighbours, moved at once.</summary>
    public struct Four
    {
        public float A, B, C, D;

        public static Four Take<TFactors>(ref TFactors factors)
            where TFactors : struct, IFactors
        {
            Four values = default;
            values.A = factors.Next();
            values.B = factors.Next();
            values.C = factors.Next();
            values.D = factors.Next();
            return values;
        }

        /// <summary>As many as there are, then zeros.</summary>
        public static Four Take<TFactors>(ref TFactors factors, int count)
            where TFactors : struct, IFactors
        {
            Four values = default;
            if (count > 0) values.A = factors.Next();
            if (count > 1) values.B = factors.Next();
            if (count > 2) values.C = factors.Next();
            if (count > 3) values.D = factors.Next();
            return values;
        }

        public readonly void Store(ArrayView<float> to, int at, int step)
        {
            to[at] = A;
            to[at + step] = B;
            to[at + (2 * step)] = C;
            to[at + (3 * step)] = D;
        }

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

    /// <summary>A thread's sums of one row, or factors of its columns.</summary>
    public struct Eight
    {
        public Four Low, High;

        public readonly Eight PlusProduct(float left, Eight right) => new() { Low = Low.PlusProduct(left, right.Low), High = High.PlusProduct(left, right.High) };

        public readonly Eight Plus(Eight other) => new() { Low = Low.Plus(other.Low), High = High.Plus(other.High) };
    }

    /// <summary>Eight rows: a tile of 128.</summary>
    public struct Sums8 : ISums<Sums8>
    {
        public Eight Row0, Row1, Row2, Row3, Row4, Row5, Row6, Row7;

        public static int Rows => 8;

        public void Add(ArrayView<float> left, int first, Eight right)
        {
            ArrayView<Four> fours = left.Cast<Four>();
            Four rows = fours[first / 4];
            Row0 = Row0.PlusProduct(rows.A, right);
            Row1 = Row1.PlusProduct(rows.B, right);
            Row2 = Row2.PlusProduct(rows.C, right);
            Row3 = Row3.PlusProduct(rows.D, right);
            rows = fours[(first / 4) + 1];
            Row4 = Row4.PlusProduct(rows.A, right);
            Row5 = Row5.PlusProduct(rows.B, right);
            Row6 = Row6.PlusProduct(rows.C, right);
            Row7 = Row7.PlusProduct(rows.D, right);
        }

        public void AddWhere(ArrayView<int> takesPart, int first, Sums8 other)
        {
            if (takesPart[first] != 0) Row0 = Row0.Plus(other.Row0);
            if (takesPart[first + 1] != 0) Row1 = Row1.Plus(other.Row1);
            if (takesPart[first + 2] != 0) Row2 = Row2.Plus(other.Row2);
            if (takesPart[first + 3] != 0) Row3 = Row3.Plus(other.Row3);
            if (takesPart[first + 4] != 0) Row4 = Row4.Plus(other.Row4);
            if (takesPart[first + 5] != 0) Row5 = Row5.Plus(other.Row5);
            if (takesPart[first + 6] != 0) Row6 = Row6.Plus(other.Row6);
            if (takesPart[first + 7] != 0) Row7 = Row7.Plus(other.Row7);
        }

        public readonly void Store<TSink>(ProductTile tile, TSink sink, int row, int column)
            where TSink : struct, IProductSink
        {
            StoreRow(tile, sink, Row0, row, column);
            StoreRow(tile, sink, Row1, row + 1, column);
            StoreRow(tile, sink, Row2, row + 2, column);
            StoreRow(tile, sink, Row3, row + 3, column);
            StoreRow(tile, sink, Row4, row + 4, column);
            StoreRow(tile, sink, Row5, row + 5, column);
            StoreRow(tile, sink, Row6, row + 6, column);
            StoreRow(tile, sink, Row7, row + 7, column);
        }
    }

    /// <summary>Four rows: a tile of 64.</summary>
    public struct Sums4 : ISums<Sums4>
    {
        public Eight Row0, Row1, Row2, Row3;

        public static int Rows => 4;

        public void Add(ArrayView<float> left, int first, Eight right)
        {
            ArrayView<Four> fours = left.Cast<Four>();
            Four rows = fours[first / 4];
            Row0 = Row0.PlusProduct(rows.A, right);
            Row1 = Row1.PlusProduct(rows.B, right);
            Row2 = Row2.PlusProduct(rows.C, right);
            Row3 = Row3.PlusProduct(rows.D, right);
        }

        public void AddWhere(ArrayView<int> takesPart, int first, Sums4 other)
        {
            if (takesPart[first] != 0) Row0 = Row0.Plus(other.Row0);
            if (takesPart[first + 1] != 0) Row1 = Row1.Plus(other.Row1);
            if (takesPart[first + 2] != 0) Row2 = Row2.Plus(other.Row2);
            if (takesPart[first + 3] != 0) Row3 = Row3.Plus(other.Row3);
        }

        public readonly void Store<TSink>(ProductTile tile, TSink sink, int row, int column)
            where TSink : struct, IProductSink
        {
            StoreRow(tile, sink, Row0, row, column);
            StoreRow(tile, sink, Row1, row + 1, column);
            StoreRow(tile, sink, Row2, row + 2, column);
            StoreRow(tile, sink, Row3, row + 3, column);
        }
    }

    /// <summary>Two rows: a tile of 32.</summary>
    public struct Sums2 : ISums<Sums2>
    {
        public Eight Row0, Row1;

        public static int Rows => 2;

        public void Add(ArrayView<float> left, int first, Eight right)
        {
            Row0 = Row0.PlusProduct(left[first], right);
            Row1 = Row1.PlusProduct(left[first + 1], right);
        }

        public void AddWhere(ArrayView<int> takesPart, int first, Sums2 other)
        {
            if (takesPart[first] != 0) Row0 = Row0.Plus(other.Row0);
            if (takesPart[first + 1] != 0) Row1 = Row1.Plus(other.Row1);
        }

        public readonly void Store<TSink>(ProductTile tile, TSink sink, int row, int column)
            where TSink : struct, IProductSink
        {
            StoreRow(tile, sink, Row0, row, column);
            StoreRow(tile, sink, Row1, row + 1, column);
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
}

using Detox.Gpu.Devices.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Kernels;

/// <summary>Takes the sums of a product.</summary>
internal interface IProductSink
{
    bool Takes(int row);

    /// <summary>Where a row of sums goes.</summary>
    ArrayView<float> Row(int row);

    /// <summary>What becomes of a sum.</summary>
    /// <param name="row">Where its row goes.</param>
    float Finish(ArrayView<float> row, int column, float sum);
}

/// <summary>A thread's sums: some rows by some columns.</summary>
internal interface ISums
{
    /// <summary>Rows of the group's tile.</summary>
    static abstract int Height { get; }

    /// <summary>How many threads stand side by side.</summary>
    static abstract int ThreadsAcross { get; }

    /// <summary>One term of every sum.</summary>
    /// <param name="left">The left side's tile from this thread's first row on.</param>
    /// <param name="right">The right side's tile from this thread's first column on.</param>
    void Add<TAccess>(ArrayView<float> left, ArrayView<float> right, int term)
        where TAccess : struct, IAccess;

    /// <param name="row">This thread's first one in the product.</param>
    /// <param name="column">This thread's first one in the product.</param>
    void Store<TAccess, TSink>(ProductTile tile, TSink sink, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink;
}

/// <summary>A row's sums, or a term's factors, of a thread's columns: four neighbours where floats are moved in fours, and else as far apart
/// as there are threads side by side.</summary>
internal interface IColumns<TSelf>
    where TSelf : struct
{
    static abstract TSelf Load<TAccess>(ArrayView<float> from, int at)
        where TAccess : struct, IAccess;

    TSelf PlusProduct(float left, TSelf right);

    /// <param name="row">Where their row goes.</param>
    /// <param name="column">The first of them in the product, of so many.</param>
    void Store<TAccess, TSink>(TSink sink, ArrayView<float> row, int column, int columns)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink;
}

/// <summary>Four floats.</summary>
internal struct Four(float a, float b, float c, float d)
{
    public float A = a, B = b, C = c, D = d;

    /// <summary>Four that lie side by side, at once.</summary>
    /// <param name="at">A place that is aligned as four floats are.</param>
    public static Four Load(ArrayView<float> from, int at) => Fours(from, at)[0];

    public static Four Load<TAccess>(ArrayView<float> from, int at, int step)
        where TAccess : struct, IAccess
        => TAccess.IsInFours ? Load(from, at) : new(from[at], from[at + step], from[at + (2 * step)], from[at + (3 * step)]);

    public readonly void Store(ArrayView<float> to, int at) => Fours(to, at)[0] = this;

    public readonly void Store<TAccess, TSink>(TSink sink, ArrayView<float> row, int column, int columns, int step)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
    {
        if (TAccess.IsInFours)
        {
            if (column >= columns) return;
            Four finished = new(sink.Finish(row, column, A), sink.Finish(row, column + 1, B), sink.Finish(row, column + 2, C), sink.Finish(row, column + 3, D));
            finished.Store(row, column);
        }
        else
        {
            if (column < columns) row[column] = sink.Finish(row, column, A);
            if (column + step < columns) row[column + step] = sink.Finish(row, column + step, B);
            if (column + (2 * step) < columns) row[column + (2 * step)] = sink.Finish(row, column + (2 * step), C);
            if (column + (3 * step) < columns) row[column + (3 * step)] = sink.Finish(row, column + (3 * step), D);
        }
    }

    public readonly Four PlusProduct(float left, Four right)
        => new(Portable.Fma(left, right.A, A), Portable.Fma(left, right.B, B), Portable.Fma(left, right.C, C), Portable.Fma(left, right.D, D));

    private static ArrayView<Four> Fours(ArrayView<float> floats, int at) => floats.SubView(at).AsAligned(4 * sizeof(float)).Cast<Four>();
}

/// <summary>Eight columns of one of 8 threads.</summary>
internal struct EightColumns(Four low, Four high) : IColumns<EightColumns>
{
    private const int Step = 8;
    private const int Half = 4 * Step;

    private Four _low = low, _high = high;

    public static EightColumns Load<TAccess>(ArrayView<float> from, int at)
        where TAccess : struct, IAccess
        => new(Four.Load<TAccess>(from, at, Step), Four.Load<TAccess>(from, at + Half, Step));

    public readonly EightColumns PlusProduct(float left, EightColumns right) => new(_low.PlusProduct(left, right._low), _high.PlusProduct(left, right._high));

    public readonly void Store<TAccess, TSink>(TSink sink, ArrayView<float> row, int column, int columns)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
    {
        _low.Store<TAccess, TSink>(sink, row, column, columns, Step);
        _high.Store<TAccess, TSink>(sink, row, column + Half, columns, Step);
    }
}

/// <summary>Four columns of one of 16 threads.</summary>
internal struct FourColumns(Four four) : IColumns<FourColumns>
{
    private const int Step = 16;

    private Four _four = four;

    public static FourColumns Load<TAccess>(ArrayView<float> from, int at)
        where TAccess : struct, IAccess
        => new(Four.Load<TAccess>(from, at, Step));

    public readonly FourColumns PlusProduct(float left, FourColumns right) => new(_four.PlusProduct(left, right._four));

    public readonly void Store<TAccess, TSink>(TSink sink, ArrayView<float> row, int column, int columns)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
        => _four.Store<TAccess, TSink>(sink, row, column, columns, Step);
}

/// <summary>Sums of four rows.</summary>
internal struct FourRows<TColumns>
    where TColumns : struct, IColumns<TColumns>
{
    private TColumns _row0, _row1, _row2, _row3;

    public void Add(Four left, TColumns right)
    {
        _row0 = _row0.PlusProduct(left.A, right);
        _row1 = _row1.PlusProduct(left.B, right);
        _row2 = _row2.PlusProduct(left.C, right);
        _row3 = _row3.PlusProduct(left.D, right);
    }

    public readonly void Store<TAccess, TSink>(ProductTile tile, TSink sink, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
    {
        StoreRow<TAccess, TSink>(tile, sink, _row0, row, column);
        StoreRow<TAccess, TSink>(tile, sink, _row1, row + 1, column);
        StoreRow<TAccess, TSink>(tile, sink, _row2, row + 2, column);
        StoreRow<TAccess, TSink>(tile, sink, _row3, row + 3, column);
    }

    private static void StoreRow<TAccess, TSink>(ProductTile tile, TSink sink, TColumns sums, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
    {
        if (row < tile.Rows && sink.Takes(row)) sums.Store<TAccess, TSink>(sink, sink.Row(row), column, tile.Columns);
    }
}

/// <summary>Eight rows by eight columns: a tile of 128 rows.</summary>
internal struct Sums128 : ISums
{
    private FourRows<EightColumns> _top, _bottom;

    public static int Height => 128;

    public static int ThreadsAcross => 8;

    public void Add<TAccess>(ArrayView<float> left, ArrayView<float> right, int term)
        where TAccess : struct, IAccess
    {
        EightColumns columns = EightColumns.Load<TAccess>(right, term * TiledProduct.Columns);
        _top.Add(Four.Load(left, term * Height), columns);
        _bottom.Add(Four.Load(left, (term * Height) + 4), columns);
    }

    public readonly void Store<TAccess, TSink>(ProductTile tile, TSink sink, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
    {
        _top.Store<TAccess, TSink>(tile, sink, row, column);
        _bottom.Store<TAccess, TSink>(tile, sink, row + 4, column);
    }
}

/// <summary>Four rows by eight columns: a tile of 64 rows.</summary>
internal struct Sums64 : ISums
{
    private FourRows<EightColumns> _sums;

    public static int Height => 64;

    public static int ThreadsAcross => 8;

    public void Add<TAccess>(ArrayView<float> left, ArrayView<float> right, int term)
        where TAccess : struct, IAccess
        => _sums.Add(Four.Load(left, term * Height), EightColumns.Load<TAccess>(right, term * TiledProduct.Columns));

    public readonly void Store<TAccess, TSink>(ProductTile tile, TSink sink, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
        => _sums.Store<TAccess, TSink>(tile, sink, row, column);
}

/// <summary>Four rows by four columns: a tile of 32 rows.</summary>
internal struct Sums32 : ISums
{
    private FourRows<FourColumns> _sums;

    public static int Height => 32;

    public static int ThreadsAcross => 16;

    public void Add<TAccess>(ArrayView<float> left, ArrayView<float> right, int term)
        where TAccess : struct, IAccess
        => _sums.Add(Four.Load(left, term * Height), FourColumns.Load<TAccess>(right, term * TiledProduct.Columns));

    public readonly void Store<TAccess, TSink>(ProductTile tile, TSink sink, int row, int column)
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
        => _sums.Store<TAccess, TSink>(tile, sink, row, column);
}

/// <summary>Sums as they are, row after row.</summary>
internal readonly struct Rowwise(ArrayView<float> memory, int stride) : IProductSink
{
    public bool Takes(int row) => true;

    public ArrayView<float> Row(int row) => memory.SubView((long)row * stride);

    public float Finish(ArrayView<float> row, int column, float sum) => sum;
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;
using ILGPU.Runtime;

namespace Detox.Gpu.Kernels;

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
    void Run<TSums, TAccess>()
        where TSums : struct, ISums
        where TAccess : struct, IAccess;
}

/// <summary>A product whose threads keep so many sums and reach memory so.</summary>
internal readonly struct Tiled<TProduct, TSums, TAccess>(TProduct product) : IKernel
    where TProduct : struct, IProduct
    where TSums : struct, ISums
    where TAccess : struct, IAccess
{
    public static int Threads => TiledProduct.Threads;

    public void Run() => product.Run<TSums, TAccess>();
}

/// <summary>A product of matrices on a GPU: 128 threads compute up to 128 rows by 64 columns, each thread up to 8 by 8 sums in registers.</summary>
/// <remarks>Sixteen terms of all rows and columns at a time lie in one half of the shared memory, where each is read by many threads, while the
/// next sixteen are on their way to registers and then to the other half: one barrier for sixteen terms. A sum is one chain of fused multiply-adds over the terms, ascending, from +0; the tile changes no bit.
/// What a tile has beyond the last row or column is computed from the first one, and stored nowhere.</remarks>
internal static class TiledProduct
{
    public const int Columns = 64;
    public const int Threads = 128;
    public const int Depth = 16;
    public const int MostRows = 128;

    /// <summary>Starts the groups that cover a product, or as many equal products as there are batches, with tiles no higher than it takes.</summary>
    /// <param name="inFours">Whether every matrix of the product <see cref="LiesInFours"/>.</param>
    public static void Launch<TProduct>(IlgpuDevice device, int rows, int columns, long batches, bool inFours, in TProduct product)
        where TProduct : struct, IProduct
    {
        // An OpenCL compiler for a CPU makes wide vectors of a thread's sums, but narrow ones of sums that are stored in fours.
        if (inFours && !device.IsOpenCl) Launch<TProduct, InFours>(device, rows, columns, batches, product);
        else Launch<TProduct, OneByOne>(device, rows, columns, batches, product);
    }

    /// <summary>Whether a matrix of such rows is one of fours that an instruction moves: a buffer begins with such a four.</summary>
    public static bool LiesInFours(View matrix, int rowLength) => matrix.Offset % 4 == 0 && rowLength % 4 == 0;

    /// <summary>This group's tile: their numbers go down the rows, then across the columns, then through the batches.</summary>
    public static ProductTile Tile<TSums>(int rows, int columns)
        where TSums : struct, ISums
    {
        int down = (int)Blocks(rows, TSums.Height), across = (int)Blocks(columns, Columns), group = Grid.IdxX;
        return new(rows, columns, group % down * TSums.Height, group / down % across * Columns, group / down / across);
    }

    /// <summary>Shared memory for both halves of both sides' tiles.</summary>
    public static ArrayView<float> Memory<TSums>()
        where TSums : struct, ISums
        => SharedMemory.Allocate<float>(2 * (TSums.Height + Columns) * Depth);

    /// <summary>The whole product of this group.</summary>
    public static void Run<TSums, TAccess, TLeft, TRight, TSink>(ProductTile tile, TLeft left, TRight right, TSink sink, int terms)
        where TSums : struct, ISums
        where TAccess : struct, IAccess
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
        where TSink : struct, IProductSink
    {
        TSums sums = default;
        Chain<TSums, TAccess, TLeft, TRight>(tile, ref left, ref right, terms, Memory<TSums>(), ref sums);
        Store<TSums, TAccess, TSink>(tile, sink, sums);
    }

    /// <summary>Adds all terms to the sums, which begin at +0.</summary>
    /// <param name="memory">Of the group, from <see cref="Memory"/>.</param>
    public static void Chain<TSums, TAccess, TLeft, TRight>(ProductTile tile, ref TLeft left, ref TRight right, int terms, ArrayView<float> memory, ref TSums sums)
        where TSums : struct, ISums
        where TAccess : struct, IAccess
        where TLeft : struct, IFactors
        where TRight : struct, IFactors
    {
        int height = TSums.Height, half = (height + Columns) * Depth, now = 0;
        int leftIndex = Share.Index<TLeft>(height), leftTerm = Share.FirstTerm<TLeft>(height), row = tile.FirstRow + leftIndex;
        int rightIndex = Share.Index<TRight>(Columns), rightTerm = Share.FirstTerm<TRight>(Columns), column = tile.FirstColumn + rightIndex;
        left.Begin(row < tile.Rows ? row : 0, leftTerm);
        right.Begin(column < tile.Columns ? column : 0, rightTerm);

        // From here on places in a half are constants, which an instruction holds.
        ArrayView<float> rights = memory.SubView(height * Depth);
        ArrayView<float> leftTo = memory.SubView((leftTerm * height) + leftIndex), leftFrom = memory.SubView(FirstRow<TSums>());
        ArrayView<float> rightTo = rights.SubView((rightTerm * Columns) + rightIndex), rightFrom = rights.SubView(FirstColumn<TSums, TAccess>());
        Share nextLeft, nextRight;
        if (terms >= Depth)
        {
            nextLeft = Share.Take(ref left, height);
            nextRight = Share.Take(ref right, Columns);
        }
        else
        {
            nextLeft = Share.Take(ref left, height, terms - leftTerm);
            nextRight = Share.Take(ref right, Columns, terms - rightTerm);
        }

        nextLeft.Store<TLeft>(leftTo, height);
        nextRight.Store<TRight>(rightTo, Columns);
        for (; terms >= 2 * Depth; terms -= Depth)
        {
            // The half that is written now was read before this barrier.
            Group.Barrier();
            nextLeft = Share.Take(ref left, height);
            nextRight = Share.Take(ref right, Columns);
            AddSixteen<TSums, TAccess>(ref sums, leftFrom.SubView(now), rightFrom.SubView(now));
            now = half - now;
            nextLeft.Store<TLeft>(leftTo.SubView(now), height);
            nextRight.Store<TRight>(rightTo.SubView(now), Columns);
        }

        // The same once more where fewer terms follow, so that the loop has no branch.
        if (terms >= Depth)
        {
            Group.Barrier();
            terms -= Depth;
            nextLeft = Share.Take(ref left, height, terms - leftTerm);
            nextRight = Share.Take(ref right, Columns, terms - rightTerm);
            AddSixteen<TSums, TAccess>(ref sums, leftFrom.SubView(now), rightFrom.SubView(now));
            now = half - now;
            nextLeft.Store<TLeft>(leftTo.SubView(now), height);
            nextRight.Store<TRight>(rightTo.SubView(now), Columns);
        }

        // Terms that are not there are left out: a further fma with zeros would make +0 of -0.
        Group.Barrier();
        for (int k = 0; k < terms; k++) sums.Add<TAccess>(leftFrom.SubView(now), rightFrom.SubView(now), k);
    }

    public static void Store<TSums, TAccess, TSink>(ProductTile tile, TSink sink, TSums sums)
        where TSums : struct, ISums
        where TAccess : struct, IAccess
        where TSink : struct, IProductSink
        => sums.Store<TAccess, TSink>(tile, sink, tile.FirstRow + FirstRow<TSums>(), tile.FirstColumn + FirstColumn<TSums, TAccess>());

    // This thread's first row in the tile. A thread has as many neighbouring rows as there are of them to a row of threads.
    private static int FirstRow<TSums>()
        where TSums : struct, ISums
        => Group.IdxX / TSums.ThreadsAcross * (TSums.Height * TSums.ThreadsAcross / Threads);

    // This thread's first column in the tile: neighbours read neighbouring floats, or fours, of shared memory.
    private static int FirstColumn<TSums, TAccess>()
        where TSums : struct, ISums
        where TAccess : struct, IAccess
        => (Group.IdxX & (TSums.ThreadsAcross - 1)) * (TAccess.IsInFours ? 4 : 1);

    // Written out: PoCL makes vectors of no sums in a loop here.
    private static void AddSixteen<TSums, TAccess>(ref TSums sums, ArrayView<float> left, ArrayView<float> right)
        where TSums : struct, ISums
        where TAccess : struct, IAccess
    {
        sums.Add<TAccess>(left, right, 0);
        sums.Add<TAccess>(left, right, 1);
        sums.Add<TAccess>(left, right, 2);
        sums.Add<TAccess>(left, right, 3);
        sums.Add<TAccess>(left, right, 4);
        sums.Add<TAccess>(left, right, 5);
        sums.Add<TAccess>(left, right, 6);
        sums.Add<TAccess>(left, right, 7);
        sums.Add<TAccess>(left, right, 8);
        sums.Add<TAccess>(left, right, 9);
        sums.Add<TAccess>(left, right, 10);
        sums.Add<TAccess>(left, right, 11);
        sums.Add<TAccess>(left, right, 12);
        sums.Add<TAccess>(left, right, 13);
        sums.Add<TAccess>(left, right, 14);
        sums.Add<TAccess>(left, right, 15);
    }

    private static void Launch<TProduct, TAccess>(IlgpuDevice device, int rows, int columns, long batches, in TProduct product)
        where TProduct : struct, IProduct
        where TAccess : struct, IAccess
    {
        if (rows <= Sums32.Height) device.Launch(Groups<Sums32>(rows, columns, batches), new Tiled<TProduct, Sums32, TAccess>(product));
        else if (rows <= Sums64.Height) device.Launch(Groups<Sums64>(rows, columns, batches), new Tiled<TProduct, Sums64, TAccess>(product));
        else device.Launch(Groups<Sums128>(rows, columns, batches), new Tiled<TProduct, Sums128, TAccess>(product));
    }

    private static long Groups<TSums>(int rows, int columns, long batches)
        where TSums : struct, ISums
        => Blocks(rows, TSums.Height) * Blocks(columns, Columns) * batches;

    private static long Blocks(int length, int block) => (length + block - 1) / block;
}

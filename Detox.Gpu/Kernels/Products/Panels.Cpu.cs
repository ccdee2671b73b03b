using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What becomes of sums: columns first..first+count of some rows, which lie <c>pitch</c> floats apart.</summary>
internal unsafe interface ISink
{
    void Take(int row, int rows, int first, int count, float* sums, int pitch);
}

/// <summary>Memory for a product's panels: one product runs after another.</summary>
internal static class Panels
{
    public static readonly Scratch<float> Memory = new();
}

/// <summary>A matrix in panels of three vectors' columns, the last ones narrower and filled up with zeros.</summary>
/// <remarks>One vector alone keeps the multiplier waiting for rows. So where one would be left over, the last two panels have two each.</remarks>
internal static unsafe class Panels<TLanes, V>
    where TLanes : struct, ILanes<V>
    where V : unmanaged
{
    /// <summary>Rows that are multiplied by all panels before the next rows: their floats stay in the cache.</summary>
    public const int RowBlock = 48;

    /// <summary>Row pointers that a caller must have room for: a tile may reach beyond the last row.</summary>
    public const int RowPointers = RowBlock + 12;

    private static int FullColumns => 3 * TLanes.Count;

    public static int Count(int columns) => (columns + FullColumns - 1) / FullColumns;

    /// <summary>The first column of a panel. A panel begins as many floats behind the first one as there are terms in the columns before it.</summary>
    public static int First(int panel, int columns)
    {
        int vectors = Vectors(columns);
        return (panel == Count(columns) - 1 && panel > 0 && vectors % 3 == 1 ? vectors - 2 : 3 * panel) * TLanes.Count;
    }

    /// <summary>The vectors of a panel.</summary>
    public static int Vectors(int panel, int columns)
        => (panel == Count(columns) - 1 ? Vectors(columns) : First(panel + 1, columns) / TLanes.Count) - (First(panel, columns) / TLanes.Count);

    /// <summary>Floats that the panels of a matrix take.</summary>
    public static long Length(int terms, int columns) => (long)terms * Vectors(columns) * TLanes.Count;

    /// <summary>A whole matrix of terms x columns in panels, which stay until the next product's.</summary>
    public static float* Of(CpuDevice device, float* matrix, int terms, int columns, long stepTerm, long stepColumn)
    {
        PackPiece pack = new()
        {
            Matrix = matrix,
            To = device.Room(Panels.Memory, Length(terms, columns)),
            Terms = terms,
            Columns = columns,
            StepTerm = stepTerm,
            StepColumn = stepColumn,
        };
        device.Share(Count(columns), ref pack);
        return pack.To;
    }

    /// <summary>Writes one panel of a matrix of terms x columns.</summary>
    /// <param name="stepTerm">Floats from a term to the next.</param>
    /// <param name="stepColumn">Floats from a column to the next.</param>
    /// <param name="to">Where the panel begins.</param>
    public static void Pack(int panel, float* matrix, int terms, int columns, long stepTerm, long stepColumn, float* to)
    {
        int first = First(panel, columns), width = Vectors(panel, columns) * TLanes.Count, count = Math.Min(width, columns - first);
        float* from = matrix + (first * stepColumn);
        if (stepTerm == 1 && stepColumn != 1)
        {
            PackTurned(from, terms, count, stepColumn, to, width);
            return;
        }

        for (int term = 0; term < terms; term++, to += width, from += stepTerm)
        {
            int j = 0;
            if (stepColumn == 1)
            {
                TLanes.Store(TLanes.Zero, to + width - TLanes.Count);
                for (; j <= count - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Load(from + j), to + j);
                for (; j <= count - 4; j += 4) Vector128.Store(Vector128.Load(from + j), to + j);
            }

            for (; j < count; j++) to[j] = from[j * stepColumn];
            if (stepColumn == 1) continue;
            for (; j < width; j++) to[j] = 0;
        }
    }

    /// <summary>Packs a matrix whose columns lie in memory one after the other.</summary>
    private static void PackTurned(float* from, int terms, int count, long stepColumn, float* to, int width)
    {
        Squares.Turn(from, count, terms, stepColumn, to, width);
        for (int term = 0; term < terms; term++)
            for (int i = count; i < width; i++) to[((long)term * width) + i] = 0;
    }

    /// <summary>Adds some sums to others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Add(float* sums, int count, float* totals)
    {
        int j = 0;
        for (; j <= count - TLanes.Count; j += TLanes.Count) TLanes.Store(TLanes.Add(TLanes.Load(totals + j), TLanes.Load(sums + j)), totals + j);
        for (; j <= count - 4; j += 4) Vector128.Store(Vector128.Load(totals + j) + Vector128.Load(sums + j), totals + j);
        for (; j < count; j++) totals[j] += sums[j];
    }

    /// <summary>Multiplies up to <see cref="RowBlock"/> rows by all panels.</summary>
    /// <param name="rows">Pointers to <paramref name="count"/> rows, with room for <see cref="RowPointers"/>.</param>
    public static void Multiply<TSink>(float** rows, int count, Terms* terms, int termCount, float* panels, int columns, ref TSink sink)
        where TSink : struct, ISink
    {
        for (int panel = 0; panel < Count(columns); panel++)
        {
            terms->PanelStep = Vectors(panel, columns) * TLanes.Count;
            MultiplyOne(rows, count, terms, panel, panels + ((long)First(panel, columns) * termCount), columns, ref sink);
        }
    }

    /// <summary>Multiplies up to <see cref="RowBlock"/> rows by one panel, which begins at <paramref name="at"/>.</summary>
    [SkipLocalsInit]
    public static void MultiplyOne<TSink>(float** rows, int count, Terms* terms, int panel, float* at, int columns, ref TSink sink)
        where TSink : struct, ISink
    {
        for (int i = count; i < count + 12; i++) rows[i] = rows[count - 1];
        float* memory = stackalloc float[RegisterTile<TLanes, V>.MostFloats + 16];
        float* result = (float*)(((nuint)memory + 63) & ~(nuint)63);
        int first = First(panel, columns), vectors = Vectors(panel, columns), pitch = vectors * TLanes.Count, width = Math.Min(pitch, columns - first);
        int height = RegisterTile<TLanes, V>.Height(vectors);
        for (int row = 0; row < count; row += height)
        {
            RegisterTile<TLanes, V>.Multiply(rows + row, count - row, terms, at, vectors, result, pitch);
            sink.Take(row, Math.Min(height, count - row), first, width, result, pitch);
        }
    }

    /// <summary>Multiplies rows by one panel and keeps the sums as they are, row after row.</summary>
    /// <param name="rows">Pointers to the rows; behind them 12 more, which point to the last row.</param>
    /// <param name="to">With room for the rows of the last tile, 11 more than there are at most.</param>
    /// <param name="pitch">Floats from one row of sums to the next.</param>
    /// <param name="goesOn">Whether the chains go on from the sums that are there, instead of from +0.</param>
    public static void MultiplyPlain(float** rows, int count, Terms* terms, float* panel, int vectors, float* to, int pitch, bool goesOn = false)
    {
        int height = RegisterTile<TLanes, V>.Height(vectors);
        for (int row = 0; row < count; row += height)
            RegisterTile<TLanes, V>.Multiply(rows + row, count - row, terms, panel, vectors, to + ((long)row * pitch), pitch, goesOn);
    }

    /// <summary>Where one panel of a matrix is whose columns lie side by side: in the matrix, if it is full and not read often; else in
    /// this thread's own memory, packed, where it stays in the cache.</summary>
    /// <param name="step">Floats from a term to the next.</param>
    public static float* Find(int panel, float* matrix, int terms, int columns, bool isReadOften, out long step)
    {
        int first = First(panel, columns), width = Vectors(panel, columns) * TLanes.Count;
        step = columns;
        if (!isReadOften && first + width <= columns) return matrix + first;
        step = width;
        float* packed = ThreadScratch.Floats((long)terms * FullColumns);
        Pack(panel, matrix, terms, columns, columns, 1, packed);
        return packed;
    }

    private static int Vectors(int columns) => (columns + TLanes.Count - 1) / TLanes.Count;

    /// <summary>One piece: one panel of a matrix.</summary>
    private struct PackPiece : IPieces
    {
        public float* Matrix;
        public float* To;
        public int Terms;
        public int Columns;
        public long StepTerm;
        public long StepColumn;

        public readonly void Run(int piece)
            => Pack(piece, Matrix, Terms, Columns, StepTerm, StepColumn, To + ((long)First(piece, Columns) * Terms));
    }
}

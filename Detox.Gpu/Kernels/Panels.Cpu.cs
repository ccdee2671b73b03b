using System.Runtime.CompilerServices;

namespace Detox.Gpu.Kernels;

/// <summary>What becomes of a row of sums: columns first..first+count of one row.</summary>
internal unsafe interface ISink
{
    void Take(int row, int first, int count, float* sums);
}

/// <summary>A matrix in panels of three vectors' columns, the last one narrower and filled up with zeros.</summary>
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

    /// <summary>Floats that the panels of a matrix take.</summary>
    public static long Length(int terms, int columns) => (long)terms * Vectors(columns) * TLanes.Count;

    /// <summary>Writes one panel of a matrix of terms x columns.</summary>
    /// <param name="stepTerm">Floats from a term to the next.</param>
    /// <param name="stepColumn">Floats from a column to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(int panel, float* matrix, int terms, int columns, long stepTerm, long stepColumn, float* panels)
    {
        int first = panel * FullColumns, count = Math.Min(FullColumns, columns - first);
        int width = Vectors(count) * TLanes.Count;
        float* to = panels + ((long)first * terms);
        float* from = matrix + (first * stepColumn);
        for (int term = 0; term < terms; term++, to += width, from += stepTerm)
        {
            if (stepColumn == 1 && count == FullColumns)
            {
                TLanes.Store(TLanes.Load(from), to);
                TLanes.Store(TLanes.Load(from + TLanes.Count), to + TLanes.Count);
                TLanes.Store(TLanes.Load(from + (2 * TLanes.Count)), to + (2 * TLanes.Count));
                continue;
            }

            for (int j = 0; j < count; j++) to[j] = from[j * stepColumn];
            for (int j = count; j < width; j++) to[j] = 0;
        }
    }

    /// <summary>Multiplies up to <see cref="RowBlock"/> rows by all panels.</summary>
    /// <param name="rows">Pointers to <paramref name="count"/> rows, with room for <see cref="RowPointers"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TSink>(float** rows, int count, Terms* terms, int termCount, float* panels, int columns, ref TSink sink)
        where TSink : struct, ISink
    {
        for (int i = count; i < count + 12; i++) rows[i] = rows[count - 1];
        float* result = stackalloc float[12 * 16];
        for (int first = 0; first < columns; first += FullColumns)
        {
            int width = Math.Min(FullColumns, columns - first), vectors = Vectors(width), height = RegisterTile<TLanes, V>.Height(vectors);
            float* panel = panels + ((long)first * termCount);
            for (int row = 0; row < count; row += height)
            {
                RegisterTile<TLanes, V>.Multiply(rows + row, terms, panel, vectors, result);
                int end = Math.Min(height, count - row);
                for (int i = 0; i < end; i++) sink.Take(row + i, first, width, result + (i * vectors * TLanes.Count));
            }
        }
    }

    private static int Vectors(int columns) => (columns + TLanes.Count - 1) / TLanes.Count;
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What an op makes of columns in order.</summary>
internal unsafe interface ISortedColumns
{
    /// <summary>Writes one vector of the output from the sorted vectors at buffer, buffer + stride, ...</summary>
    void Finish<TLanes, V>(float* buffer, nint stride, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

/// <summary>One piece of an op on sorted columns: a block of columns, each row of it read once.</summary>
internal unsafe struct SortedColumns<TLanes, V, TOp> : IPieces
    where TLanes : struct, ILanes<V>
    where V : unmanaged
    where TOp : struct, ISortedColumns
{
    public const int Block = 8192;

    // The buffer that sorts should stay in the first-level cache, and small enough for a thread's stack.
    private const int CacheFloats = 4096;
    private const int StackFloats = 16384;

    // Two stretches of all rows should fit in the second-level cache.
    private const int StretchFloats = 24576;

    // Rows that the processor follows by itself, faster.
    private const int FewStreams = 24;

    public float** Rows;
    public int N;
    public int* Pairs;
    public int PairCount;
    public float* Output;
    public long Width;
    public TOp Op;

    [SkipLocalsInit]
    public void Run(int piece)
    {
        int bufferRows = ColumnSort.BufferRows(N);
        int vectors = bufferRows * 4 * TLanes.Count <= CacheFloats ? 4 : 1;
        int floats = bufferRows * vectors * TLanes.Count;
        if (floats <= StackFloats)
        {
            // Vectors that straddle a cache line cost twice.
            float* buffer = stackalloc float[floats + 16];
            Run(piece, vectors, (float*)(((nuint)buffer + 63) & ~(nuint)63));
        }
        else
        {
            float* buffer = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), 64);
            Run(piece, vectors, buffer);
            NativeMemory.AlignedFree(buffer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Run(int piece, int vectors, float* buffer)
    {
        long j = (long)piece * Block;
        long end = Math.Min(j + Block, Width);
        int step = vectors * TLanes.Count;

        // Memory gives its best to a few long streams, not to one a row: rows come to the second-level cache a stretch at
        // a time, each stretch while the one before it is sorted, a share at every step.
        int stretch = Math.Clamp(StretchFloats / N / step * step, step, Block), lines = (stretch + Prefetch.LineFloats - 1) / Prefetch.LineFloats;
        int share = (int)(((long)N * lines * step / stretch) + 1), row = 0, line = 0;
        long next = N > FewStreams ? j : long.MaxValue;
        if (next == j) Ahead(ref row, ref line, lines, next, int.MaxValue);
        for (; j <= end - step; j += step)
        {
            if (j == next)
            {
                row = line = 0;
                next += stretch;
            }

            if (next < end) Ahead(ref row, ref line, lines, next, share);
            ColumnSort.Sort<TLanes, V>(Rows, N, j, vectors, Pairs, PairCount, buffer);
            for (int v = 0; v < step; v += TLanes.Count) Op.Finish<TLanes, V>(buffer + v, step, Output + j + v);
        }

        for (; j <= end - TLanes.Count; j += TLanes.Count)
        {
            ColumnSort.Sort<TLanes, V>(Rows, N, j, 1, Pairs, PairCount, buffer);
            Op.Finish<TLanes, V>(buffer, TLanes.Count, Output + j);
        }

        for (; j < end; j++)
        {
            ColumnSort.Sort<Lanes32, float>(Rows, N, j, 1, Pairs, PairCount, buffer);
            Op.Finish<Lanes32, float>(buffer, 1, Output + j);
        }
    }

    // The next lines of a stretch, row after row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Ahead(ref int row, ref int line, int lines, long column, int count)
    {
        for (; row < N; row++, line = 0)
        {
            for (; line < lines; line++)
            {
                if (count-- == 0) return;
                Prefetch.FarLine(Rows[row] + column + ((long)line * Prefetch.LineFloats));
            }
        }
    }
}

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
        for (; j <= end - step; j += step)
        {
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
}

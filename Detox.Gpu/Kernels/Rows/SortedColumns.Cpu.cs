using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
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
    private const int Block = 8192;

    // The buffer that sorts should stay in the first-level cache, and small enough for a thread's stack.
    private const int CacheFloats = 4096;
    private const int StackFloats = 16384;

    // Two stretches of all rows should fit in the second-level cache.
    private const int StretchFloats = 24576;

    // Rows that the processor follows by itself, faster.
    private const int FewStreams = 24;

    private float** _rows;
    private int _n;
    private int* _pairs;
    private int _pairCount;
    private float* _output;
    private long _width;
    private TOp _op;

    public static void Run(CpuDevice device, Rows rows, SortingNetwork network, TOp op, View output)
    {
        SortedColumns<TLanes, V, TOp> blocks = new()
        {
            _rows = Pass.Pointers(device, rows),
            _n = rows.Count,
            _pairs = network.Pairs,
            _pairCount = network.Count,
            _output = CpuDevice.Pointer(output),
            _width = output.Length,
            _op = op,
        };
        device.Share(CpuDevice.Blocks(output.Length, Block), ref blocks);
    }

    [SkipLocalsInit]
    public void Run(int piece)
    {
        int bufferRows = ColumnSort.BufferRows(_n);
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
        long end = Math.Min(j + Block, _width);
        int step = vectors * TLanes.Count;

        // Memory gives its best to a few long streams, not to one a row: rows come to the second-level cache a stretch at
        // a time, each stretch while the one before it is sorted, a share at every step.
        int stretch = Math.Clamp(StretchFloats / _n / step * step, step, Block), lines = (stretch + Prefetch.LineFloats - 1) / Prefetch.LineFloats;
        int share = (int)(((long)_n * lines * step / stretch) + 1), row = 0, line = 0;
        long next = _n > FewStreams ? j : long.MaxValue;
        if (next == j) Ahead(ref row, ref line, lines, next, int.MaxValue);
        for (; j <= end - step; j += step)
        {
            if (j == next)
            {
                row = line = 0;
                next += stretch;
            }

            if (next < end) Ahead(ref row, ref line, lines, next, share);
            ColumnSort.Sort<TLanes, V>(_rows, _n, j, vectors, _pairs, _pairCount, buffer);
            for (int v = 0; v < step; v += TLanes.Count) _op.Finish<TLanes, V>(buffer + v, step, _output + j + v);
        }

        for (; j <= end - TLanes.Count; j += TLanes.Count)
        {
            ColumnSort.Sort<TLanes, V>(_rows, _n, j, 1, _pairs, _pairCount, buffer);
            _op.Finish<TLanes, V>(buffer, TLanes.Count, _output + j);
        }

        for (; j < end; j++)
        {
            ColumnSort.Sort<Lanes32, float>(_rows, _n, j, 1, _pairs, _pairCount, buffer);
            _op.Finish<Lanes32, float>(buffer, 1, _output + j);
        }
    }

    // The next lines of a stretch, row after row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Ahead(ref int row, ref int line, int lines, long column, int count)
    {
        for (; row < _n; row++, line = 0)
        {
            for (; line < lines; line++)
            {
                if (count-- == 0) return;
                Prefetch.FarLine(_rows[row] + column + ((long)line * Prefetch.LineFloats));
            }
        }
    }
}

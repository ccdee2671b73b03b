using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Cpu;

namespace Detox.Gpu.Kernels;

/// <summary>What an op makes of whole columns.</summary>
internal unsafe interface IColumns
{
    /// <summary>Vectors that it keeps of each vector of columns while it works.</summary>
    int BufferRows { get; }

    /// <summary>Whether it takes four vectors of columns at a time where its buffer stays in the first-level cache.</summary>
    bool TakesFour { get; }

    /// <summary>Writes so many vectors of the output from those columns of the rows, the first of which is given.</summary>
    void Run<TLanes, V>(float** rows, long column, int vectors, float* buffer, float* output)
        where TLanes : struct, ILanes<V>
        where V : unmanaged;
}

/// <summary>One piece of an op on columns: a block of them, each row of it read once.</summary>
internal unsafe struct ColumnBlocks<TLanes, V, TColumns> : IPieces
    where TLanes : struct, ILanes<V>
    where V : unmanaged
    where TColumns : struct, IColumns
{
    private const int Block = 8192;

    // The buffer should stay in the first-level cache, and small enough for a thread's stack.
    private const int CacheFloats = 4096;
    private const int StackFloats = 16384;

    // Two stretches of all rows should fit in the second-level cache.
    private const int StretchFloats = 24576;

    // Rows that the processor follows by itself, faster.
    private const int FewStreams = 24;

    private float** _rows;
    private int _n;
    private float* _output;
    private long _width;
    private TColumns _columns;

    public static void Run(CpuDevice device, Rows rows, TColumns columns, View output)
    {
        ColumnBlocks<TLanes, V, TColumns> blocks = new()
        {
            _rows = Pass.Pointers(device, rows),
            _n = rows.Count,
            _output = CpuDevice.Pointer(output),
            _width = output.Length,
            _columns = columns,
        };
        device.Share(CpuDevice.Blocks(output.Length, Block), ref blocks);
    }

    [SkipLocalsInit]
    public void Run(int piece)
    {
        int bufferRows = _columns.BufferRows;
        int vectors = _columns.TakesFour && bufferRows * 4 * TLanes.Count <= CacheFloats ? 4 : 1;
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

    private void Run(int piece, int vectors, float* buffer)
    {
        long j = (long)piece * Block;
        long end = Math.Min(j + Block, _width);
        int step = vectors * TLanes.Count;

        // Memory gives its best to a few long streams, not to one a row: rows come to the second-level cache a stretch at
        // a time, each stretch while the columns of the one before it are worked on, some rows at every step.
        int stretch = Math.Clamp(StretchFloats / _n / step * step, step, Block), share = ((_n * step) + stretch - 1) / stretch, row = 0;
        long next = _n > FewStreams ? j : long.MaxValue;
        if (next == j) Ahead(ref row, next, stretch, _n);
        for (; j <= end - step; j += step)
        {
            if (j == next)
            {
                row = 0;
                next += stretch;
            }

            if (next < end) Ahead(ref row, next, stretch, share);
            _columns.Run<TLanes, V>(_rows, j, vectors, buffer, _output + j);
        }

        for (; j <= end - TLanes.Count; j += TLanes.Count) _columns.Run<TLanes, V>(_rows, j, 1, buffer, _output + j);
        for (; j < end; j++) _columns.Run<Lanes32, float>(_rows, j, 1, buffer, _output + j);
    }

    // The next rows of a stretch of columns.
    private readonly void Ahead(ref int row, long column, int stretch, int share)
    {
        for (int end = Math.Min(row + share, _n); row < end; row++)
        {
            float* line = _rows[row] + column;
            for (float* last = line + stretch; line < last; line += Prefetch.LineFloats) Prefetch.FarLine(line);
        }
    }
}

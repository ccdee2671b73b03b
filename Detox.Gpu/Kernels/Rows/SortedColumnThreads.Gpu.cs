using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

/// <summary>What a kernel makes of a column in order.</summary>
internal interface ISortedColumn
{
    float Finish(ColumnMemory column);
}

/// <summary>Starts a thread a column, which sorts it and finishes it; neighbours read neighbouring floats.</summary>
internal static class SortedColumnThreads
{
    // Values of the columns beyond 64 rows that are sorted at a time.
    private const int ScratchValues = 1 << 22;

    private static readonly Scratch<int> _columns = new();

    public static void Run<TOp>(IlgpuDevice device, Rows rows, in TOp op, View output)
        where TOp : struct, ISortedColumn
    {
        DeviceRows from = DeviceRows.Of(device, rows);
        ArrayView<float> to = IlgpuDevice.Floats(output);
        switch (rows.Count)
        {
            case <= 16: device.Each(output.Length, new OfSixteen<TOp>(from, op, to)); break;
            case <= 32: device.Each(output.Length, new OfThirtyTwo<TOp>(from, op, to)); break;
            case <= 64: device.Each(output.Length, new OfSixtyFour<TOp>(from, op, to)); break;
            default: RunTall(device, from, op, to); break;
        }
    }

    private static void RunTall<TOp>(IlgpuDevice device, DeviceRows from, in TOp op, ArrayView<float> to)
        where TOp : struct, ISortedColumn
    {
        if (to.Length == 0) return;
        int columns = (int)Math.Clamp(ScratchValues / from.Count, 1, to.Length);
        ArrayView<int> scratch = device.Room(_columns, (long)columns * from.Count);
        for (long first = 0; first < to.Length; first += columns)
            device.Each(Math.Min(columns, to.Length - first), new OfMany<TOp>(from, op, first, scratch, columns, to));
    }

    internal readonly struct OfSixteen<TOp>(DeviceRows rows, TOp op, ArrayView<float> output) : IThread
        where TOp : struct, ISortedColumn
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(16), 0, 1, 16);
            SortedColumn.Read16(j, rows, 0).Keep(sorted, 0);
            output[j] = op.Finish(sorted);
        }
    }

    internal readonly struct OfThirtyTwo<TOp>(DeviceRows rows, TOp op, ArrayView<float> output) : IThread
        where TOp : struct, ISortedColumn
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(32), 0, 1, 32);
            SortedColumn.Read32(j, rows, 0).Keep(sorted, 0);
            output[j] = op.Finish(sorted);
        }
    }

    internal readonly struct OfSixtyFour<TOp>(DeviceRows rows, TOp op, ArrayView<float> output) : IThread
        where TOp : struct, ISortedColumn
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(64), 0, 1, 64);
            SortedColumn.Read64(j, rows, 0).Keep(sorted, 0);
            output[j] = op.Finish(sorted);
        }
    }

    // One thread a column of any number of rows; the columns from the first on, as many as scratch has room for.
    internal readonly struct OfMany<TOp>(DeviceRows rows, TOp op, long first, ArrayView<int> scratch, int columns, ArrayView<float> output) : IThread
        where TOp : struct, ISortedColumn
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(scratch, j, columns, rows.Count);
            sorted.Sort(first + j, rows);
            output[first + j] = op.Finish(sorted);
        }
    }
}

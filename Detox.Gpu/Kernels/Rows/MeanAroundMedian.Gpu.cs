using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct MeanAroundMedian
{
    // Values of the columns beyond 64 rows that are sorted at a time.
    private const int ScratchValues = 1 << 22;

    private static readonly Scratch<int> _columns = new();

    public void Run(IlgpuDevice device)
    {
        DeviceRows from = DeviceRows.Of(device, Rows);
        ArrayView<float> to = IlgpuDevice.Floats(Output);
        switch (Rows.Count)
        {
            case <= 16: device.Each(Output.Length, new OfSixteen(from, Keep, to)); break;
            case <= 32: device.Each(Output.Length, new OfThirtyTwo(from, Keep, to)); break;
            case <= 64: device.Each(Output.Length, new OfSixtyFour(from, Keep, to)); break;
            default: RunTall(device, from, to); break;
        }
    }

    private void RunTall(IlgpuDevice device, DeviceRows from, ArrayView<float> to)
    {
        if (to.Length == 0) return;
        int columns = (int)Math.Clamp(ScratchValues / from.Count, 1, to.Length);
        ArrayView<int> scratch = device.Room(_columns, (long)columns * from.Count);
        for (long first = 0; first < to.Length; first += columns)
            device.Each(Math.Min(columns, to.Length - first), new OfMany(from, Keep, first, scratch, columns, to));
    }

    private static float Around(ColumnMemory column, int n, int keep)
    {
        float median = CoordinateMedian.Middle(column[(n - 1) / 2], column[n / 2], n);
        int start = 0;
        while (start < n - keep
            && Portable.Less(Portable.Subtract(Order.ToFloat(column[start + keep]), median), Portable.Subtract(median, Order.ToFloat(column[start]))))
        {
            start++;
        }

        float sum = 0;
        for (int i = start; i < start + keep; i++) sum = Portable.Add(sum, Order.ToFloat(column[i]));
        return Order.CanonicalNaN(Portable.Divide(sum, keep));
    }

    // One thread a column of up to so many rows; neighbours read neighbouring floats.
    internal readonly struct OfSixteen(DeviceRows rows, int keep, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(16), 0, 1, 16);
            SortedColumn.Read16(j, rows, 0).Keep(sorted, 0);
            output[j] = Around(sorted, rows.Count, keep);
        }
    }

    internal readonly struct OfThirtyTwo(DeviceRows rows, int keep, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(32), 0, 1, 32);
            SortedColumn.Read32(j, rows, 0).Keep(sorted, 0);
            output[j] = Around(sorted, rows.Count, keep);
        }
    }

    internal readonly struct OfSixtyFour(DeviceRows rows, int keep, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(LocalMemory.Allocate<int>(64), 0, 1, 64);
            SortedColumn.Read64(j, rows, 0).Keep(sorted, 0);
            output[j] = Around(sorted, rows.Count, keep);
        }
    }

    // One thread a column of any number of rows; the columns from the first on, as many as scratch has room for.
    internal readonly struct OfMany(DeviceRows rows, int keep, long first, ArrayView<int> scratch, int columns, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            ColumnMemory sorted = new(scratch, j, columns, rows.Count);
            sorted.Sort(first + j, rows);
            output[first + j] = Around(sorted, rows.Count, keep);
        }
    }
}

using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct CoordinateMedian
{
    public void Run(IlgpuDevice device)
    {
        DeviceRows from = DeviceRows.Of(device, Rows);
        ArrayView<float> to = IlgpuDevice.Floats(Output);
        switch (Rows.Count)
        {
            case <= 16: device.Each(Output.Length, new OfSixteen(from, to)); break;
            case <= 32: device.Each(Output.Length, new OfThirtyTwo(from, to)); break;
            case <= 64: device.Each(Output.Length, new OfSixtyFour(from, to)); break;
            default: device.Launch((Output.Length + OfMany.Threads - 1) / OfMany.Threads, new OfMany(from, to)); break;
        }
    }

    // One thread a column of up to so many rows; neighbours read neighbouring floats.
    internal readonly struct OfSixteen(DeviceRows rows, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            SortedColumn.Sixteen sorted = SortedColumn.Read16(j, rows, 0);
            output[j] = Middle(sorted.At((rows.Count - 1) / 2), sorted.At(rows.Count / 2), rows.Count);
        }
    }

    internal readonly struct OfThirtyTwo(DeviceRows rows, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            SortedColumn.ThirtyTwo sorted = SortedColumn.Read32(j, rows, 0);
            output[j] = Middle(sorted.At((rows.Count - 1) / 2), sorted.At(rows.Count / 2), rows.Count);
        }
    }

    internal readonly struct OfSixtyFour(DeviceRows rows, ArrayView<float> output) : IThread
    {
        public void Run(long j)
        {
            SortedColumn.SixtyFour sorted = SortedColumn.Read64(j, rows, 0);
            output[j] = Middle(sorted.At((rows.Count - 1) / 2), sorted.At(rows.Count / 2), rows.Count);
        }
    }

    // One thread a column of any number of rows. The lower middle is found four bits at a time, the highest first, until no other
    // value agrees with what is known of it: a pass over the column counts those that still do by their next four bits. Counts of
    // neighbouring threads lie side by side in shared memory: whatever the bits are, no two threads of a warp meet in a bank.
    internal readonly struct OfMany(DeviceRows rows, ArrayView<float> output) : IKernel
    {
        private const int Columns = 128, DigitBits = 4, Digits = 1 << DigitBits;

        public static int Threads => Columns;

        public void Run()
        {
            ArrayView<int> counts = SharedMemory.Allocate<int>((Digits + 1) * Columns);
            long j = ((long)Grid.IdxX * Columns) + Group.IdxX;
            if (j < output.Length) output[j] = MiddleOf(j, counts);
        }

        private float MiddleOf(long j, ArrayView<int> counts)
        {
            int rank = (rows.Count - 1) / 2, equal = rows.Count, shift = 32;
            uint known = 0;
            while (shift > 0 & equal > 1)
            {
                shift -= DigitBits;
                for (int digit = 0; digit <= Digits; digit++) counts[(digit * Columns) + Group.IdxX] = 0;
                for (int i = 0; i < rows.Count; i++)
                {
                    // What differs in a higher bit is counted beyond the digits, where nobody looks.
                    uint digit = Math.Min((Key(i, j) ^ known) >> shift, Digits);
                    counts[((int)digit * Columns) + Group.IdxX]++;
                }

                int found = 0;
                equal = counts[Group.IdxX];
                while (rank >= equal)
                {
                    rank -= equal;
                    found++;
                    equal = counts[(found * Columns) + Group.IdxX];
                }

                known |= (uint)found << shift;
            }

            uint low = 0, high = uint.MaxValue;
            for (int i = 0; i < rows.Count; i++)
            {
                uint key = Key(i, j);
                if (key >> shift == known >> shift) low = key;
                if (key >> shift > known >> shift) high = Math.Min(high, key);
            }

            if (rank + 1 < equal) high = low;
            return Middle(ToOrder(low), ToOrder(high), rows.Count);
        }

        // The order as an integer without a sign.
        private uint Key(int row, long j) => (uint)Order.Of(rows[row, j]) ^ 0x80000000;

        private static int ToOrder(uint key) => (int)(key ^ 0x80000000);
    }
}

using Detox.Gpu.Devices;
using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly unsafe ref partial struct SquaredDistances
{
    private static readonly Scratch<float> _chunkSums = new();
    private static readonly Scratch<double> _places = new();

    public void Run(IlgpuDevice device)
    {
        Distances.Clear();
        int n = Rows.Count;
        if (n == 0 || Rows.Width == 0) return;
        long chunks = (Rows.Width + Chunk - 1) / Chunk, items = chunks * n;
        DeviceRows from = DeviceRows.Of(device, Rows);
        ArrayView<float> sums = device.Room(_chunkSums, items);
        ArrayView<double> places = device.Room(_places, n);
        device.Launch((items + RowChunk.Items - 1) / RowChunk.Items, new RowChunk(from, Rows.Width, items, IlgpuDevice.Floats(Point ?? Rows.Memory), Point is null ? 0 : 1, sums));
        device.Each(n, new Total(n, chunks, sums, places));
        device.Download(places, Distances);
    }

    // Sixteen threads, one a lane, sum a chunk of a row: neighbours read neighbouring floats. The first of them joins the lanes.
    internal readonly struct RowChunk(DeviceRows rows, long width, long items, ArrayView<float> point, int hasPoint, ArrayView<float> sums) : IKernel
    {
        /// <summary>Chunks of rows of a group.</summary>
        public const int Items = 8;

        public static int Threads => Items * Lanes;

        public void Run()
        {
            ArrayView<float> shared = SharedMemory.Allocate<float>(Items * Lanes);
            int lane = Group.IdxX % Lanes, slot = Group.IdxX / Lanes;
            long item = ((long)Grid.IdxX * Items) + slot, begin = item / rows.Count * Chunk;
            float sum = 0;
            if (item < items)
            {
                long from = rows.Start((int)(item % rows.Count)) + begin;
                int end = (int)Math.Min(Chunk, width - begin);
                for (int k = lane; k < end; k += Lanes)
                {
                    float difference = rows[from + k];
                    if (hasPoint != 0) difference = Portable.Subtract(difference, point[begin + k]);
                    sum = Portable.Fma(difference, difference, sum);
                }
            }

            shared[Group.IdxX] = sum;
            Group.Barrier();
            if (item < items & lane == 0) sums[item] = PairwiseSquaredDistances.TileChunk.Join(shared, slot * Lanes);
        }
    }

    // One thread a row: adds its chunks in their order.
    internal readonly struct Total(int n, long chunks, ArrayView<float> sums, ArrayView<double> distances) : IThread
    {
        public void Run(long row)
        {
            double sum = 0, segment = 0;
            for (long chunk = 0; chunk < chunks; chunk++)
            {
                segment += sums[(chunk * n) + row];
                if ((chunk + 1) % (Segment / Chunk) != 0 && chunk != chunks - 1) continue;
                sum += segment;
                segment = 0;
            }

            distances[row] = PairwiseSquaredDistances.Place.FiniteOrInfinity(sum);
        }
    }
}

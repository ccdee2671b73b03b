using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormForward
{
    // Three launches: what is there once a channel is computed anew by every group that needs it.
    public void Run(IlgpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows);
        long length = (long)chunks * Channels;
        ArrayView<float> room = device.Room(BatchNorm.Sums, 2 * length), sums = room.SubView(0, length), squares = room.SubView(length, length);
        ArrayView<float> input = IlgpuDevice.Floats(Input), statistics = IlgpuDevice.Floats(Statistics);
        device.Each(length, new SumThread(Channels, rows, input, sums));
        int chunksOfBlock = BatchNorm.BlockLength(ChannelTile.LanesOf(Channels), chunks);
        long groups = ChannelTile.Groups(Channels, (chunks + chunksOfBlock - 1) / chunksOfBlock);
        device.Launch(groups, new SquaresTile(Channels, rows, chunks, chunksOfBlock, input, sums, statistics, squares));
        new BatchNormEvaluate(Channels, Input, Scale, Shift, Statistics, Output, Rectified).Normalise(device, chunks, squares);
    }

    // One thread a channel and chunk: its sum.
    internal readonly struct SumThread(int channels, int rows, ArrayView<float> input, ArrayView<float> sums) : IThread
    {
        public void Run(long index)
        {
            long first = index / channels * BatchNorm.Chunk, at = (first * channels) + (index % channels);
            int left = (int)Math.Min(BatchNorm.Chunk, rows - first);
            sums[index] = BatchNorm.Sum(input, at, channels, left);
        }
    }

    // A group some channels of some chunks, a thread a chunk at a time: its sum of squared distances from the mean. The first block's groups write the means.
    internal readonly struct SquaresTile(
        int channels, int rows, int chunks, int chunksOfBlock, ArrayView<float> input, ArrayView<float> sums, ArrayView<float> statistics, ArrayView<float> squares) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> means = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ChannelTile tile = new(channels);
            if (tile.TakesPart & tile.Lane == 0)
            {
                float mean = Portable.Divide(BatchNorm.Sum(sums, tile.Channel, channels, chunks), rows);
                means[tile.Column] = mean;
                if (tile.Block == 0) statistics[tile.Channel] = mean;
            }

            Group.Barrier();
            if (!tile.TakesPart) return;
            int first = tile.Block * chunksOfBlock, end = Math.Min(first + chunksOfBlock, chunks);
            for (int chunk = first + tile.Lane; chunk < end; chunk += tile.Lanes)
                squares[((long)chunk * channels) + tile.Channel] = Squares(chunk, tile.Channel, means[tile.Column]);
        }

        private float Squares(int chunk, int channel, float mean)
        {
            long first = (long)chunk * BatchNorm.Chunk, at = (first * channels) + channel;
            int left = (int)Math.Min(BatchNorm.Chunk, rows - first);
            float sum = 0;
            for (; left >= 8; left -= 8, at += 8L * channels)
            {
                BatchNorm.Four a = new BatchNorm.Four(input, at, channels).Minus(mean), b = new BatchNorm.Four(input, at + (4L * channels), channels).Minus(mean);
                sum = b.ProductsAddedTo(a.ProductsAddedTo(sum, a), b);
            }

            for (; left > 0; left--, at += channels)
            {
                float distance = Portable.Subtract(input[at], mean);
                sum = Portable.Fma(distance, distance, sum);
            }

            return sum;
        }
    }
}

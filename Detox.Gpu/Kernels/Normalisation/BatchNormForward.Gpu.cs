using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormForward
{
    // Three launches: what is there once a channel is computed anew by every group that needs it. One where a group can hold all rows of its channels.
    public void Run(IlgpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows);
        ArrayView<float> input = IlgpuDevice.Floats(Input), statistics = IlgpuDevice.Floats(Statistics);
        BatchNormEvaluate last = new(Channels, Input, Scale, Shift, Statistics, Addend, Output, Rectified);
        if (chunks <= ChannelTile.MostWholeChunks)
        {
            device.Launch(ChannelTile.WholeGroups(Channels), new WholeTile(Channels, rows, chunks, input, IlgpuDevice.Floats(Scale), statistics, last.Values));
            return;
        }

        long length = (long)chunks * Channels;
        ArrayView<float> room = device.Room(BatchNorm.Sums, 2 * length), sums = room.SubView(0, length), squares = room.SubView(length, length);
        device.Each(length, new SumThread(Channels, rows, input, sums));
        int chunksOfBlock = BatchNorm.BlockLength(ChannelTile.LanesOf(Channels), chunks);
        long groups = ChannelTile.Groups(Channels, (chunks + chunksOfBlock - 1) / chunksOfBlock);
        device.Launch(groups, new SquaresTile(Channels, rows, chunks, chunksOfBlock, input, sums, statistics, squares));
        last.Normalise(device, chunks, squares);
    }

    // A chunk's sum of squared distances from the mean.
    private static float Squares(ArrayView<float> input, ChunkRows chunk, int channels, float mean)
    {
        long at = chunk.At;
        int left = chunk.End - chunk.First;
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

    // One thread a channel and chunk: its sum.
    internal readonly struct SumThread(int channels, int rows, ArrayView<float> input, ArrayView<float> sums) : IThread
    {
        public void Run(long index)
        {
            ChunkRows chunk = new((int)(index / channels), (int)(index % channels), channels, rows);
            sums[index] = BatchNorm.Sum(input, chunk.At, channels, chunk.End - chunk.First);
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
            ChannelTile tile = new(channels, ChannelTile.MostChannels);
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
                squares[((long)chunk * channels) + tile.Channel] = Squares(input, new(chunk, tile.Channel, channels, rows), channels, means[tile.Column]);
        }
    }

    // A group some channels, a thread one of their chunks: its sum, its squares, its values. Between them one thread a channel adds the chunks'.
    internal readonly struct WholeTile(
        int channels, int rows, int chunks, ArrayView<float> input, ArrayView<float> scale, ArrayView<float> statistics, BatchNormEvaluate.NormalisedRows values) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> sums = SharedMemory.Allocate<float>(ChannelTile.WholeChannels * ChannelTile.MostWholeChunks);
            ArrayView<float> means = SharedMemory.Allocate<float>(ChannelTile.WholeChannels), factors = SharedMemory.Allocate<float>(ChannelTile.WholeChannels);
            ChannelTile tile = new(channels, ChannelTile.WholeChannels);
            ChunkRows chunk = new(tile.Lane, tile.Channel, channels, rows);
            int c = tile.Channel, column = tile.Column, sum = (tile.Lane * ChannelTile.WholeChannels) + column;
            bool hasChunk = tile.TakesPart & tile.Lane < chunks, joins = tile.TakesPart & tile.Lane == 0;
            if (hasChunk) sums[sum] = BatchNorm.Sum(input, chunk.At, channels, chunk.End - chunk.First);
            Group.Barrier();
            if (joins)
            {
                float mean = Portable.Divide(BatchNorm.Sum(sums, column, ChannelTile.WholeChannels, chunks), rows);
                means[column] = mean;
                statistics[c] = mean;
            }

            Group.Barrier();
            if (hasChunk) sums[sum] = Squares(input, chunk, channels, means[column]);
            Group.Barrier();
            if (joins)
            {
                float variance = Portable.Divide(BatchNorm.Sum(sums, column, ChannelTile.WholeChannels, chunks), rows);
                factors[column] = Portable.Multiply(scale[c], BatchNorm.Inverse(variance));
                statistics[channels + c] = variance;
            }

            Group.Barrier();
            if (hasChunk) values.Write(c, chunk.First, chunk.End, 1, means[column], factors[column]);
        }
    }
}

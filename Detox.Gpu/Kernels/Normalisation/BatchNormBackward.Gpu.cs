using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormBackward
{
    // Two launches: what is there once a channel is computed anew by every group that needs it. One where a group can hold all rows of its channels.
    public void Run(IlgpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows);
        ArrayView<float> input = IlgpuDevice.Floats(Input), outputGradient = IlgpuDevice.Floats(OutputGradient), statistics = IlgpuDevice.Floats(Statistics);
        ChunkSum chunkSum = new(Channels, Rectified ? 1 : 0, input, IlgpuDevice.Floats(Output), outputGradient, statistics);
        ChannelSum channelSum = new(Channels, rows, IlgpuDevice.Floats(Scale), statistics, IlgpuDevice.Floats(ScaleGradient), IlgpuDevice.Floats(ShiftGradient));
        GradientRows gradients = new(Channels, input, outputGradient, statistics, IlgpuDevice.Floats(InputGradient ?? ScaleGradient));
        if (chunks <= ChannelTile.MostWholeChunks)
        {
            device.Launch(ChannelTile.WholeGroups(Channels), new WholeTile(Channels, rows, chunks, InputGradient is null ? 0 : 1, chunkSum, channelSum, gradients));
            return;
        }

        long length = (long)chunks * Channels;
        ArrayView<float> sums = device.Room(BatchNorm.Sums, 2 * length);
        device.Each(length, new SumThread(Channels, rows, length, chunkSum, sums));

        // Where the input's gradient is not wanted, one block of no rows writes those of scale and shift.
        int rowsOfBlock = InputGradient is null ? 0 : BatchNorm.BlockLength(8 * ChannelTile.LanesOf(Channels), rows);
        int blocks = InputGradient is null ? 1 : (rows + rowsOfBlock - 1) / rowsOfBlock;
        device.Launch(ChannelTile.Groups(Channels, blocks), new Tile(Channels, rows, chunks, rowsOfBlock, sums, channelSum, gradients));
    }

    // One thread a channel and chunk; the sums of products stand behind all of the others.
    internal readonly struct SumThread(int channels, int rows, long length, ChunkSum chunkSum, ArrayView<float> sums) : IThread
    {
        public void Run(long index)
        {
            int c = (int)(index % channels);
            ChunkSum.Pair pair = chunkSum.Take(c, new((int)(index / channels), c, channels, rows));
            sums[index] = pair.Sum;
            sums[length + index] = pair.Moment;
        }
    }

    // A group some channels of some rows: the input's gradient. The first block's groups write the gradients of scale and shift.
    internal readonly struct Tile(
        int channels, int rows, int chunks, int rowsOfBlock, ArrayView<float> sums, ChannelSum channelSum, GradientRows gradients) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> totals = SharedMemory.Allocate<float>(2 * ChannelTile.MostChannels), terms = SharedMemory.Allocate<float>(3 * ChannelTile.MostChannels);
            ChannelTile tile = new(channels, ChannelTile.MostChannels);
            int c = tile.Channel;
            if (tile.TakesPart & tile.Lane < 2)
                totals[(tile.Lane * ChannelTile.MostChannels) + tile.Column] = BatchNorm.Sum(sums, ((long)tile.Lane * chunks * channels) + c, channels, chunks);
            Group.Barrier();
            if (tile.TakesPart & tile.Lane == 0)
            {
                float total = totals[tile.Column], moment = totals[ChannelTile.MostChannels + tile.Column];
                channelSum.Write(c, total, moment, tile.Block == 0, terms, tile.Column, ChannelTile.MostChannels);
            }

            Group.Barrier();
            if (!tile.TakesPart) return;
            int first = tile.Block * rowsOfBlock, end = Math.Min(first + rowsOfBlock, rows);
            gradients.Write(c, first + tile.Lane, end, tile.Lanes, terms, tile.Column, ChannelTile.MostChannels);
        }
    }

    // A group some channels, a thread one of their chunks: its sums, and its part of the input's gradient. Between them one thread a channel adds the chunks'.
    internal readonly struct WholeTile(
        int channels, int rows, int chunks, int hasInputGradient, ChunkSum chunkSum, ChannelSum channelSum, GradientRows gradients) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            const int length = ChannelTile.WholeChannels * ChannelTile.MostWholeChunks;
            ArrayView<float> sums = SharedMemory.Allocate<float>(2 * length), terms = SharedMemory.Allocate<float>(3 * ChannelTile.WholeChannels);
            ChannelTile tile = new(channels, ChannelTile.WholeChannels);
            ChunkRows chunk = new(tile.Lane, tile.Channel, channels, rows);
            bool hasChunk = tile.TakesPart & tile.Lane < chunks;
            if (hasChunk)
            {
                int at = (tile.Lane * ChannelTile.WholeChannels) + tile.Column;
                ChunkSum.Pair pair = chunkSum.Take(tile.Channel, chunk);
                sums[at] = pair.Sum;
                sums[length + at] = pair.Moment;
            }

            Group.Barrier();
            if (tile.TakesPart & tile.Lane == 0)
            {
                float total = BatchNorm.Sum(sums, tile.Column, ChannelTile.WholeChannels, chunks), moment = BatchNorm.Sum(sums, length + tile.Column, ChannelTile.WholeChannels, chunks);
                channelSum.Write(tile.Channel, total, moment, true, terms, tile.Column, ChannelTile.WholeChannels);
            }

            Group.Barrier();
            if (hasChunk & hasInputGradient != 0) gradients.Write(tile.Channel, chunk.First, chunk.End, 1, terms, tile.Column, ChannelTile.WholeChannels);
        }
    }

    /// <summary>A chunk's sum of the gradient, and of its products with the distances from the mean. The gradient is rectified first, in place.</summary>
    internal readonly struct ChunkSum(
        int channels, int rectified, ArrayView<float> input, ArrayView<float> output, ArrayView<float> outputGradient, ArrayView<float> statistics)
    {
        public Pair Take(int channel, ChunkRows chunk)
        {
            long at = chunk.At;
            int left = chunk.End - chunk.First;
            float sum = 0, moment = 0, mean = statistics[channel];
            for (; left >= 4; left -= 4, at += 4L * channels)
            {
                BatchNorm.Four g = new(outputGradient, at, channels), x = new(input, at, channels);
                if (rectified != 0)
                {
                    BatchNorm.Four y = new(output, at, channels);
                    g = new(Passed(g.A, y.A), Passed(g.B, y.B), Passed(g.C, y.C), Passed(g.D, y.D));
                    g.Store(outputGradient, at, channels);
                }

                sum = g.AddedTo(sum);
                moment = g.ProductsAddedTo(moment, x.Minus(mean));
            }

            for (; left > 0; left--, at += channels)
            {
                float g = outputGradient[at];
                if (rectified != 0)
                {
                    g = Passed(g, output[at]);
                    outputGradient[at] = g;
                }

                sum = Portable.Add(sum, g);
                moment = Portable.Fma(g, Portable.Subtract(input[at], mean), moment);
            }

            return new(sum, moment);
        }

        private static float Passed(float gradient, float output) => Portable.Less(0, output) ? gradient : 0;

        internal readonly struct Pair(float sum, float moment)
        {
            public float Sum => sum;

            public float Moment => moment;
        }
    }

    /// <summary>From a channel's sums to the gradients of its scale and shift, and to what the input's gradient is made of.</summary>
    internal readonly struct ChannelSum(
        int channels, int rows, ArrayView<float> scale, ArrayView<float> statistics, ArrayView<float> scaleGradient, ArrayView<float> shiftGradient)
    {
        /// <param name="isFirst">Whether this group writes the gradients of scale and shift.</param>
        /// <param name="terms">Level, slope and factor, so many columns each.</param>
        public void Write(int channel, float total, float moment, bool isFirst, ArrayView<float> terms, int column, int columns)
        {
            Terms made = new(total, moment, scale[channel], statistics[channels + channel], rows);
            terms[column] = made.Level;
            terms[columns + column] = made.Slope;
            terms[(2 * columns) + column] = made.Factor;
            if (!isFirst) return;
            shiftGradient[channel] = total;
            scaleGradient[channel] = made.ScaleGradient;
        }
    }

    internal readonly struct GradientRows(
        int channels, ArrayView<float> input, ArrayView<float> outputGradient, ArrayView<float> statistics, ArrayView<float> inputGradient)
    {
        /// <summary>Writes the gradient of a channel's input in some rows, so many rows apart.</summary>
        /// <param name="terms">As <see cref="ChannelSum.Write"/> left them.</param>
        public void Write(int channel, int row, int end, int apart, ArrayView<float> terms, int column, int columns)
        {
            float mean = statistics[channel], level = terms[column], slope = terms[columns + column], factor = terms[(2 * columns) + column];
            long step = (long)apart * channels, at = ((long)row * channels) + channel;
            for (; row < end - (3 * apart); row += 4 * apart, at += 4 * step)
            {
                BatchNorm.Four g = new(outputGradient, at, step), x = new(input, at, step);
                inputGradient[at] = Gradient(g.A, x.A, mean, level, slope, factor);
                inputGradient[at + step] = Gradient(g.B, x.B, mean, level, slope, factor);
                inputGradient[at + (2 * step)] = Gradient(g.C, x.C, mean, level, slope, factor);
                inputGradient[at + (3 * step)] = Gradient(g.D, x.D, mean, level, slope, factor);
            }

            for (; row < end; row += apart, at += step) inputGradient[at] = Gradient(outputGradient[at], input[at], mean, level, slope, factor);
        }

        private static float Gradient(float g, float x, float mean, float level, float slope, float factor)
            => Portable.Multiply(factor, Portable.Fma(Portable.Subtract(mean, x), slope, Portable.Subtract(g, level)));
    }
}

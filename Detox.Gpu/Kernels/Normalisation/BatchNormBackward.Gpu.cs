using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormBackward
{
    // Two launches: what is there once a channel is computed anew by every group that needs it.
    public void Run(IlgpuDevice device)
    {
        int rows = BatchNorm.Rows(Channels, Input), chunks = BatchNorm.Chunks(rows), rectified = Rectified ? 1 : 0;
        long length = (long)chunks * Channels;
        ArrayView<float> sums = device.Room(BatchNorm.Sums, 2 * length);

        // An output that was not rectified is not read; in its place stands what is read anyway.
        ArrayView<float> input = IlgpuDevice.Floats(Input), outputGradient = IlgpuDevice.Floats(OutputGradient), output = Rectified ? IlgpuDevice.Floats(Output) : outputGradient;
        ArrayView<float> statistics = IlgpuDevice.Floats(Statistics), scaleGradient = IlgpuDevice.Floats(ScaleGradient), shiftGradient = IlgpuDevice.Floats(ShiftGradient);
        device.Each(length, new SumThread(Channels, rows, rectified, length, input, output, outputGradient, statistics, sums));

        // Where the input's gradient is not wanted, one block of no rows writes those of scale and shift.
        int rowsOfBlock = InputGradient is null ? 0 : BatchNorm.BlockLength(8 * ChannelTile.LanesOf(Channels), rows);
        int blocks = InputGradient is null ? 1 : (rows + rowsOfBlock - 1) / rowsOfBlock;
        device.Launch(
            ChannelTile.Groups(Channels, blocks),
            new Tile(
                Channels,
                rows,
                chunks,
                rowsOfBlock,
                rectified,
                sums,
                input,
                output,
                outputGradient,
                IlgpuDevice.Floats(Scale),
                statistics,
                IlgpuDevice.Floats(InputGradient ?? ScaleGradient),
                scaleGradient,
                shiftGradient));
    }

    // One thread a channel and chunk: the sums of the gradient, and of its products with the distances from the mean, which stand behind all of those.
    internal readonly struct SumThread(
        int channels,
        int rows,
        int rectified,
        long length,
        ArrayView<float> input,
        ArrayView<float> output,
        ArrayView<float> outputGradient,
        ArrayView<float> statistics,
        ArrayView<float> sums) : IThread
    {
        public void Run(long index)
        {
            int c = (int)(index % channels);
            long first = index / channels * BatchNorm.Chunk, at = (first * channels) + c;
            int left = (int)Math.Min(BatchNorm.Chunk, rows - first);
            float sum = 0, moment = 0, mean = statistics[c];
            for (; left >= 4; left -= 4, at += 4L * channels)
            {
                BatchNorm.Four g = new(outputGradient, at, channels), x = new(input, at, channels), y = new(output, at, channels);
                g = g.Passed(y, rectified);
                sum = g.AddedTo(sum);
                moment = g.ProductsAddedTo(moment, x.Minus(mean));
            }

            for (; left > 0; left--, at += channels)
            {
                float g = BatchNorm.Passed(outputGradient[at], output[at], rectified);
                sum = Portable.Add(sum, g);
                moment = Portable.Fma(g, Portable.Subtract(input[at], mean), moment);
            }

            sums[index] = sum;
            sums[length + index] = moment;
        }
    }

    // A group some channels of some rows: the input's gradient. The first block's groups write the gradients of scale and shift.
    internal readonly struct Tile(
        int channels,
        int rows,
        int chunks,
        int rowsOfBlock,
        int rectified,
        ArrayView<float> sums,
        ArrayView<float> input,
        ArrayView<float> output,
        ArrayView<float> outputGradient,
        ArrayView<float> scale,
        ArrayView<float> statistics,
        ArrayView<float> inputGradient,
        ArrayView<float> scaleGradient,
        ArrayView<float> shiftGradient) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> totals = SharedMemory.Allocate<float>(2 * ChannelTile.MostChannels);
            ArrayView<float> levels = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ArrayView<float> slopes = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ArrayView<float> factors = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ChannelTile tile = new(channels);
            int c = tile.Channel;
            if (tile.TakesPart & tile.Lane < 2)
                totals[(tile.Lane * ChannelTile.MostChannels) + tile.Column] = BatchNorm.Sum(sums, ((long)tile.Lane * chunks * channels) + c, channels, chunks);
            Group.Barrier();
            if (tile.TakesPart & tile.Lane == 0)
            {
                float total = totals[tile.Column];
                Terms terms = new(total, totals[ChannelTile.MostChannels + tile.Column], scale[c], statistics[channels + c], rows);
                levels[tile.Column] = terms.Level;
                slopes[tile.Column] = terms.Slope;
                factors[tile.Column] = terms.Factor;
                if (tile.Block == 0)
                {
                    shiftGradient[c] = total;
                    scaleGradient[c] = terms.ScaleGradient;
                }
            }

            Group.Barrier();
            if (!tile.TakesPart) return;
            float mean = statistics[c], level = levels[tile.Column], slope = slopes[tile.Column], factor = factors[tile.Column];
            int p = (tile.Block * rowsOfBlock) + tile.Lane, end = Math.Min((tile.Block + 1) * rowsOfBlock, rows);
            long step = (long)tile.Lanes * channels, at = ((long)p * channels) + c;
            for (; p < end - (3 * tile.Lanes); p += 4 * tile.Lanes, at += 4 * step)
            {
                BatchNorm.Four g = new(outputGradient, at, step), x = new(input, at, step), y = new(output, at, step);
                g = g.Passed(y, rectified);
                inputGradient[at] = Gradient(g.A, x.A, mean, level, slope, factor);
                inputGradient[at + step] = Gradient(g.B, x.B, mean, level, slope, factor);
                inputGradient[at + (2 * step)] = Gradient(g.C, x.C, mean, level, slope, factor);
                inputGradient[at + (3 * step)] = Gradient(g.D, x.D, mean, level, slope, factor);
            }

            for (; p < end; p += tile.Lanes, at += step)
            {
                float g = BatchNorm.Passed(outputGradient[at], output[at], rectified);
                inputGradient[at] = Gradient(g, input[at], mean, level, slope, factor);
            }
        }

        private static float Gradient(float g, float x, float mean, float level, float slope, float factor)
            => Portable.Multiply(factor, Portable.Fma(Portable.Subtract(mean, x), slope, Portable.Subtract(g, level)));
    }
}

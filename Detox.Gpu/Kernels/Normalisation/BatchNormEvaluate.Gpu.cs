using Detox.Gpu.Devices.Ilgpu;
using ILGPU;

namespace Detox.Gpu.Kernels;

public readonly partial record struct BatchNormEvaluate
{
    public void Run(IlgpuDevice device) => Normalise(device, 0, IlgpuDevice.Floats(Statistics));

    /// <summary>One launch. Where there are chunks, the variances come from their sums of squares, and are written.</summary>
    internal void Normalise(IlgpuDevice device, int chunks, ArrayView<float> squares)
    {
        int rows = BatchNorm.Rows(Channels, Input), least = 8 * ChannelTile.LanesOf(Channels);
        int rowsOfBlock = chunks == 0 ? least : BatchNorm.BlockLength(least, rows);
        device.Launch(
            ChannelTile.Groups(Channels, (rows + rowsOfBlock - 1) / rowsOfBlock),
            new NormaliseTile(
                Channels,
                rows,
                chunks,
                rowsOfBlock,
                Rectified ? 1 : 0,
                squares,
                IlgpuDevice.Floats(Input),
                IlgpuDevice.Floats(Scale),
                IlgpuDevice.Floats(Shift),
                IlgpuDevice.Floats(Statistics),
                IlgpuDevice.Floats(Output)));
    }

    // A group some channels of some rows. The factors are computed once for all its rows; the first block's groups write the variances.
    internal readonly struct NormaliseTile(
        int channels,
        int rows,
        int chunks,
        int rowsOfBlock,
        int rectified,
        ArrayView<float> squares,
        ArrayView<float> input,
        ArrayView<float> scale,
        ArrayView<float> shift,
        ArrayView<float> statistics,
        ArrayView<float> output) : IKernel
    {
        public static int Threads => ChannelTile.Threads;

        public void Run()
        {
            ArrayView<float> factors = SharedMemory.Allocate<float>(ChannelTile.MostChannels);
            ChannelTile tile = new(channels);
            if (tile.TakesPart & tile.Lane == 0) factors[tile.Column] = Portable.Multiply(scale[tile.Channel], BatchNorm.Inverse(Variance(tile)));
            Group.Barrier();
            if (!tile.TakesPart) return;
            float mean = statistics[tile.Channel], factor = factors[tile.Column], moved = shift[tile.Channel];
            int p = (tile.Block * rowsOfBlock) + tile.Lane, end = Math.Min((tile.Block + 1) * rowsOfBlock, rows);
            long step = (long)tile.Lanes * channels, at = ((long)p * channels) + tile.Channel;
            for (; p < end - (3 * tile.Lanes); p += 4 * tile.Lanes, at += 4 * step)
            {
                BatchNorm.Four x = new(input, at, step);
                output[at] = Normalised(x.A, mean, factor, moved, rectified);
                output[at + step] = Normalised(x.B, mean, factor, moved, rectified);
                output[at + (2 * step)] = Normalised(x.C, mean, factor, moved, rectified);
                output[at + (3 * step)] = Normalised(x.D, mean, factor, moved, rectified);
            }

            for (; p < end; p += tile.Lanes, at += step) output[at] = Normalised(input[at], mean, factor, moved, rectified);
        }

        private static float Normalised(float x, float mean, float factor, float shift, int rectified)
        {
            float value = Portable.Fma(Portable.Subtract(x, mean), factor, shift);
            return rectified != 0 & Portable.Less(value, 0) ? 0 : value;
        }

        private float Variance(ChannelTile tile)
        {
            int c = tile.Channel;
            if (chunks == 0) return statistics[channels + c];
            float variance = Portable.Divide(BatchNorm.Sum(squares, c, channels, chunks), rows);
            if (tile.Block == 0) statistics[channels + c] = variance;
            return variance;
        }
    }
}
